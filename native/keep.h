/* Recording as a stage of a run: what passes goes into blocks, with what showing it will need. */
#ifndef EUNOMIA_KEEP_H
#define EUNOMIA_KEEP_H
#include "recorder.h"

struct eu_keep;
struct eu_run;
struct source;
/* The run has its views and buffers. */
struct eu_keep *eu_keep_new(struct eu_run *run, struct eu_object *object, struct eu_recorder *recorder);
void eu_keep_free(struct eu_keep *keep);
/* The loop begins: the clocks. 0 or -errno. */
int eu_keep_start(struct eu_keep *keep);
/* 0 or -errno: the record is not recorded, and the run ends. */
int eu_keep_record(struct eu_keep *keep, struct source *source, const uint8_t *record, size_t size);
/* Here so many records of a source were lost, because of an eu_cause. */
void eu_keep_lost(struct eu_keep *keep, struct source *source, int cause, uint64_t count);
/* How views and samples show what is recorded: so that they ask for all that any way of showing asks for. */
struct eu_format eu_keep_format(void);
/* Read a sampled map into the recording; the number of its elements, or -errno: the run ends. */
long eu_keep_sample(struct eu_keep *keep, struct source *source);
/* After each round: what has waited long enough is written. */
void eu_keep_round(struct eu_keep *keep);
/* When this descriptor is readable: what has waited without a round is written. */
int eu_keep_fd(const struct eu_keep *keep);
void eu_keep_due(struct eu_keep *keep);
/* All was read: write the rest, the accounts and the end. */
void eu_keep_finish(struct eu_keep *keep);
#endif
