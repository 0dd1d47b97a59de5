/* What reading a map (sample.c), ordering (sample_order.c) and showing it (sample_table.c, sample_histogram.c) share. */
#ifndef EUNOMIA_SAMPLE_PARTS_H
#define EUNOMIA_SAMPLE_PARTS_H
#include "fields.h"
#include "live.h"
#include "sample.h"
#include "stack.h"

struct element {
    const uint8_t *key, *value;
    int cpu; /* -1: of all */
};

struct eu_sample {
    struct eu_object *object;
    const struct eu_plan_source *source;
    struct eu_show show;
    struct eu_map_info info;
    struct eu_stacks *stacks;
    const struct eu_filter *filter; /* NULL: all pass */
    int index;                      /* of the source */
    int map, clear, cpus, several, named, seen, is_array, headed;
    /* --sort and --top; without --sort by has_order: the value's number */
    struct eu_field order_field;
    int is_sorted, has_order, by_cpu, ascending, may_be_live, is_live;
    uint64_t top, filtered;
    struct eu_live live;
    size_t stride; /* bytes of a value as the kernel gives it */
    uint8_t *keys, *values, *sums;
    size_t nr_keys, room_keys;
    struct element *elements;
    size_t nr_elements, room_elements;
    size_t hidden; /* by --top */
    eu_keep_snapshot keep;
    void *keep_context;
    int is_silent;
};

static inline const struct eu_plan_type *type_at(const struct eu_sample *s, uint32_t index) {
    return &s->show.plan->types[index];
}

/* Make room for so many elements of the map. 0 or -ENOMEM. */
int eu_sample_room(struct eu_sample *s, size_t wanted);
/* Hand over what was read, where a recording wants it. */
int eu_sample_kept(struct eu_sample *s);
/* What values look like: by the map's type and the number of CPUs. */
void eu_sample_shape(struct eu_sample *s, uint32_t map_type, uint32_t cpus);
/* Say by which field (`+FIELD`: the smallest first) elements are ordered; one that this map has not, and NULL: by their count. */
void eu_sample_order_by(struct eu_sample *s, const char *path);
/* Put the elements in order and keep the first `limit`. 0 or -ENOMEM. */
int eu_sample_arrange(struct eu_sample *s, size_t limit);
void eu_sample_table(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size);
void eu_sample_compatible_table(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size);
/* The fields of --fields as members of a JSON object: found once, for many elements. NULL: out of memory. */
struct eu_sample_fields;
struct eu_sample_fields *eu_sample_fields_new(const struct eu_sample *s);
void eu_sample_fields_free(struct eu_sample_fields *fields);
void eu_sample_fields_json(const struct eu_sample *s, const struct eu_sample_fields *fields, struct eu_out *out, const struct element *e);
int eu_sample_histograms(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size);
#endif
