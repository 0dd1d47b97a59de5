/* Raw records into a file that `ecli replay` reads (docs/reference/recording.md). */
#ifndef EUNOMIA_RECORDER_H
#define EUNOMIA_RECORDER_H
#include "eunomia.h"
#include <stddef.h>

struct eu_recorder;
struct eu_recorder *eu_recorder_open(const struct eu_run_options *options);
/* 0 or -errno: not recorded. Times of records are those of their block. */
int eu_recorder_add(struct eu_recorder *recorder, int source, const uint8_t *record, size_t size);
/* End the block that is being filled and write it: after each round, so that a crash loses little. 0 or -errno. */
int eu_recorder_flush(struct eu_recorder *recorder);
/* The accounts of all sources and the end mark. */
int eu_recorder_finish(struct eu_recorder *recorder, const struct eu_account *accounts, int nr_accounts);
void eu_recorder_close(struct eu_recorder *recorder);
#endif
