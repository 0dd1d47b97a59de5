/* What reading a map (sample.c) and showing it (sample_table.c, sample_histogram.c) share. */
#ifndef EUNOMIA_SAMPLE_PARTS_H
#define EUNOMIA_SAMPLE_PARTS_H
#include "sample.h"
#include "stack.h"

struct element {
    const uint8_t *key, *value;
    int cpu;       /* -1: of all */
    int64_t order; /* tables: the count by which they are sorted */
};

struct eu_sample {
    struct eu_object *object;
    const struct eu_plan_source *source;
    struct eu_show show;
    struct eu_map_info info;
    struct eu_stacks *stacks;
    int map, clear, cpus, several, named, seen, is_array, headed;
    size_t stride; /* bytes of a value as the kernel gives it */
    uint8_t *keys, *values, *sums;
    size_t nr_keys, room_keys;
    struct element *elements;
    size_t nr_elements, room_elements;
};

static inline const struct eu_plan_type *type_at(const struct eu_sample *s, uint32_t index) {
    return &s->show.plan->types[index];
}

/* Sort the elements by their count, the largest first. */
void eu_sample_sort(struct eu_sample *s);
void eu_sample_table(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size);
void eu_sample_compatible_table(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size);
int eu_sample_histograms(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size);
#endif
