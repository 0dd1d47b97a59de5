/* Blocks of a recording, written whole: record_format.h. */
#ifndef EUNOMIA_RECORDER_H
#define EUNOMIA_RECORDER_H
#include "eunomia.h"
#include "facts.h"
#include "record_format.h"

enum { EU_RECORDER_FULL = 256 << 10, EU_RECORDER_AGE_NS = 250000000 };

/* One more user, that frees it too: the last one does. Users are in one thread at a time. */
void eu_recorder_hold(struct eu_recorder *recorder);
/* Note this machine's clocks, once a second at most. */
int eu_recorder_clocks(struct eu_recorder *recorder);
/* CLOCK_MONOTONIC of the first record of the block that is being filled; 0: it is empty. */
uint64_t eu_recorder_since(const struct eu_recorder *recorder);
/* Records of a source in that block: what is lost when it cannot be written. */
uint64_t eu_recorder_unwritten(const struct eu_recorder *recorder, int source);
/* What showing the records will ask for: written before them. */
struct eu_facts *eu_recorder_facts(struct eu_recorder *recorder);
/* Here so many records of a source were lost, because of an eu_cause. */
int eu_recorder_lost(struct eu_recorder *recorder, int source, int cause, uint64_t count);
/* All elements of a map at one time. */
struct eu_snapshot;
int eu_recorder_sample(struct eu_recorder *recorder, int source, const struct eu_snapshot *snapshot);
#endif
