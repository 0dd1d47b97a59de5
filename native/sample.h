/* Sampled maps: tables of key and value, histograms. */
#ifndef EUNOMIA_SAMPLE_H
#define EUNOMIA_SAMPLE_H
#include "filter.h"
#include "out.h"
#include "value.h"

struct eu_sample;
/* A source of the plan; `filter` may be NULL, and `object` for a replay. The options' strings must stay valid as long as the sample. */
struct eu_sample *eu_sample_open(struct eu_object *object, const struct eu_plan *plan, int source, const struct eu_run_options *options,
                                 const struct eu_filter *filter);
void eu_sample_close(struct eu_sample *sample);
/* Read the map and append what it holds, in text under its name if so asked; clears it where the plan says so. Returns the
 * number of elements shown, or -errno. */
long eu_sample_print(struct eu_sample *sample, struct eu_out *out, const char *time, size_t time_size, int named);
/* 1 once it has shown an element. */
int eu_sample_seen(const struct eu_sample *sample);
/* Elements that the filter left out, of all rounds. */
uint64_t eu_sample_filtered(const struct eu_sample *sample);
/* What was read, as the kernel gave it: values of all CPUs one after the other, each in words of 8 bytes. */
struct eu_snapshot {
    uint32_t map_type, key_size, value_size, cpus; /* cpus: 0 where a value is of none */
    int is_cleared;                                /* the map is emptied afterwards */
    size_t count;
    const uint8_t *keys, *values;
};
typedef int (*eu_keep_snapshot)(void *context, const struct eu_snapshot *snapshot);
/* Have each print hand over what it read, before the map is cleared; not where there is nothing to show. Silent: it shows nothing. */
void eu_sample_keep(struct eu_sample *sample, eu_keep_snapshot keep, void *context, int is_silent);
/* Without an object: what the next print shows; of a snapshot in parts the first, then the others. 0, -EBADMSG: not of this map,
 * -EFBIG, -ENOMEM. */
int eu_sample_put(struct eu_sample *sample, const struct eu_snapshot *snapshot, int is_first);
/* What is printed from now on is for another file, which has a header of its own. */
void eu_sample_forget_header(struct eu_sample *sample);
/* Without an object: append what was gathered over all prints: folded stacks. */
void eu_sample_finish(struct eu_sample *sample, struct eu_out *out);
#endif
