/* Sampled maps with plans and elements out of arbitrary bytes: tables, histograms, stacks. The maps are made up here, so that
 * no kernel is needed: link without maps.c, object.c and what needs these (attach*.c, handlers.c, uprobe.c, reader.c, run.c,
 * tc_filters.c).
 *
 * An input is a plan, a byte of flags, and the bytes that keys and values are taken from. */
#include "error.h"
#include "eunomia.h"
#include "mutate.h"
#include "plan.h"
#include "plan_read.h"
#include "sample.h"
#include <errno.h>
#include <linux/bpf.h>

enum { ELEMENTS = 40, CPUS = 3 };

static struct eu_map_info map;
static const uint8_t *bytes;
static size_t nr_bytes, at_byte;

static void fill(uint8_t *to, size_t size) {
    for (size_t i = 0; i < size; i++)
        to[i] = nr_bytes ? bytes[at_byte++ % nr_bytes] : 0;
}

int eu_map_find(struct eu_object *object, const char *name) {
    return 0;
}

int eu_map_get(struct eu_object *object, int index, struct eu_map_info *info) {
    *info = map;
    return 0;
}

int eu_possible_cpus(void) {
    return CPUS;
}

int eu_map_lookup(struct eu_object *object, int index, const void *key, void *value, uint64_t flags) {
    fill(value, map.value_size);
    return nr_bytes && bytes[0] & 1 ? -ENOENT : 0;
}

int eu_map_update(struct eu_object *object, int index, const void *key, const void *value, uint64_t flags) {
    return 0;
}

int eu_map_delete(struct eu_object *object, int index, const void *key) {
    return 0;
}

const char *eu_reason(int err) {
    return strerror(err);
}

long eu_map_read_batch(struct eu_object *object, int index, void *cursor, int first, void *keys, void *values, uint32_t max, int *done) {
    size_t stride = map.type == BPF_MAP_TYPE_PERCPU_HASH ? (map.value_size + 7ul) / 8 * 8 * CPUS : map.value_size;
    uint32_t count = max < ELEMENTS ? max : ELEMENTS;
    if ((size_t)count * (map.key_size + stride) > 1 << 18)
        count = 1;
    for (uint32_t i = 0; i < count; i++) {
        fill((uint8_t *)keys + (size_t)i * map.key_size, map.key_size);
        fill((uint8_t *)values + (size_t)i * stride, stride);
        at_byte += nr_bytes ? bytes[0] : 0;
    }
    *done = 1;
    return count;
}

/* The name of a member of the key or the value, or "count". */
static const char *field_of(const struct eu_plan *plan, int source, unsigned pick) {
    uint32_t index = pick & 1 ? plan->sources[source].key_type : plan->sources[source].value_type;
    const struct eu_plan_type *type = &plan->types[index];
    if (type->kind != EU_STRUCT || !type->count)
        return pick & 1 ? "key" : "count";
    return plan_string(plan, plan->members[type->first + (pick >> 1) % type->count].name);
}

static void sample(const struct eu_plan *plan, int source, const struct eu_format *format) {
    struct eu_out out = {0};
    unsigned pick = nr_bytes ? bytes[0] : 0; /* of what --sort, --top and --fields say */
    char sort[400];
    map.key_size = plan->types[plan->sources[source].key_type].size;
    map.value_size = plan->types[plan->sources[source].value_type].size;
    if (!map.key_size || !map.value_size || map.key_size > 1 << 16 || map.value_size > 1 << 16) /* the kernel has no such map */
        return;
    snprintf(sort, sizeof(sort), "%s%.300s", pick & 4 ? "+" : "", field_of(plan, source, pick >> 3));
    struct eu_run_options options = {.format = *format, .clear = 1, .out_fd = -1, .top = pick & 3, .sort = pick & 128 ? sort : NULL};
    if (format->format == 0 && pick & 64)
        options.format.format = 4;
    if (pick & 32)
        options.format.fields = field_of(plan, source, pick >> 2);
    options.live = pick >> 4 & 1;
    struct eu_sample *s = eu_sample_open(NULL, plan, source, &options, NULL);
    for (int round = 0; s && round < 2; round++)
        eu_sample_print(s, &out, "00:00:00 ", 9, round);
    for (size_t i = 0; i < out.used; i++)
        if (format->format != 2 &&
            (((unsigned char)out.data[i] < 0x20 && !strchr("\n\r\t\x1b", out.data[i])) || !out.data[i] || out.data[i] == 0x7f))
            (fprintf(stderr, "%02x at %zu of %.*s\n", (unsigned char)out.data[i], i, (int)out.used, out.data), abort());
    if (s)
        eu_sample_close(s);
    eu_out_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t total;
    if (size < sizeof(struct eu_plan_header) + 1)
        return 0;
    memcpy(&total, data + 8, 4);
    size_t plan_size = total < size - 1 ? total : size - 1;
    struct eu_plan *plan = eu_plan_read(data, plan_size);
    if (!plan)
        return 0;
    uint8_t flags = data[plan_size];
    struct eu_format format = {
        .format = flags & 3, .compat = flags >> 2 & 1, .big_ints = flags >> 3 & 1, .raw_values = flags >> 4 & 1, .per_cpu = flags >> 5 & 1};
    static const uint32_t types[] = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_HASH};
    map = (struct eu_map_info){.name = "map", .type = types[flags >> 6], .max_entries = 64};
    bytes = data + plan_size + 1, nr_bytes = size - plan_size - 1, at_byte = 0;
    for (int i = 0; i < eu_plan_sources(plan) && i < 8; i++)
        if (plan->sources[i].kind == EU_SAMPLE)
            sample(plan, i, &format);
    eu_plan_free(plan);
    return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv) {
    return mutate_files(argc, argv, LLVMFuzzerTestOneInput);
}
#endif
