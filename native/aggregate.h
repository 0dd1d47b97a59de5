/* Events counted by their fields, in place of lines: --count-by, --hist, --top, --sort. */
#ifndef EUNOMIA_AGGREGATE_H
#define EUNOMIA_AGGREGATE_H
#include "eunomia.h"
#include "out.h"
#include "plan_read.h"

struct eu_aggregate;
/* Whether the options ask for one; --top and --sort alone order the tables of sampled maps. */
int eu_aggregate_is_wanted(const struct eu_plan *plan, const struct eu_run_options *options);
/* NULL and eu_error() where a field does not exist. */
struct eu_aggregate *eu_aggregate_new(const struct eu_plan *plan, const struct eu_run_options *options);
void eu_aggregate_free(struct eu_aggregate *aggregate);
/* 0, 1: a record without the fields takes no part, or -ENOMEM: not counted. A record shorter than its type reads as if zeroes
 * followed. */
int eu_aggregate_add(struct eu_aggregate *aggregate, int source, int match, const uint8_t *record, size_t size);
/* Seconds between prints, 0: at the end only. */
double eu_aggregate_interval(const struct eu_aggregate *aggregate);
/* Append what was gathered; 0 or -errno. */
int eu_aggregate_print(struct eu_aggregate *aggregate, struct eu_out *out, const char *time, size_t time_size, int is_last);
/* How many events are lost so far, for the title of a live table. */
void eu_aggregate_lost(struct eu_aggregate *aggregate, uint64_t lost);
/* What is printed from now on is for another file, which has a header of its own. */
void eu_aggregate_forget_header(struct eu_aggregate *aggregate);
#endif
