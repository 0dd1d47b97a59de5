/* Events counted by fields of plans and records out of arbitrary bytes: keys, statistics, the largest events, and how these are
 * printed.
 *
 * An input is a plan, a byte of flags, a byte that chooses fields, and the bytes that records are cut from. */
#include "aggregate.h"
#include "eunomia.h"
#include "mutate.h"
#include "plan.h"
#include "plan_read.h"
#include "view.h"

enum { RECORDS = 200 };

/* Up to three fields of the first record type, by name; "value" where it is no struct. */
static void choose(const struct eu_plan *plan, unsigned from, char *list, size_t room, int count) {
    const struct eu_plan_type *type = &plan->types[plan->records[0].type];
    size_t used = 0;
    list[0] = 0;
    for (int i = 0; i < count; i++) {
        const char *name = "value";
        if ((type->kind == EU_STRUCT || type->kind == EU_UNION) && type->count)
            name = plan_string(plan, plan->members[type->first + (from + (unsigned)i) % type->count].name);
        if (used + strlen(name) + 2 > room)
            return;
        used += (size_t)sprintf(list + used, "%s%s", i ? "," : "", name);
    }
}

static void check_output(const struct eu_out *out) {
    for (size_t i = 0; i < out->used; i++)
        if (((unsigned char)out->data[i] < 0x20 && out->data[i] != '\n' && out->data[i] != '\r' && out->data[i] != '\t' &&
             out->data[i] != 0x1b) ||
            out->data[i] == 0x7f)
            (fprintf(stderr, "%02x at %zu of %.*s\n", (unsigned char)out->data[i], i, (int)out->used, out->data), abort());
}

/* Records of several lengths, each in memory of its own size so that the sanitizer sees the end. */
static void feed(struct eu_aggregate *a, struct eu_view *view, int source, const uint8_t *bytes, size_t size) {
    for (size_t i = 0, at = 0; i < RECORDS && at < size; i++) {
        size_t length = 1 + bytes[at] % 120, left = size - at;
        length = length < left ? length : left;
        uint8_t *record = malloc(length);
        memcpy(record, bytes + at, length);
        int match = eu_view_match(view, record, length);
        if (match >= 0)
            eu_aggregate_add(a, source, match, record, length);
        free(record);
        at += 1 + bytes[at] % 7;
    }
}

static void aggregate(const struct eu_plan *plan, const struct eu_run_options *options, const uint8_t *bytes, size_t size) {
    struct eu_aggregate *a = eu_aggregate_is_wanted(plan, options) ? eu_aggregate_new(plan, options) : NULL;
    struct eu_out out = {0};
    for (int round = 0; a && round < 3; round++) {
        for (int i = 0; i < (int)plan->header.nr_sources && i < 4; i++) {
            struct eu_view *view = plan->sources[i].kind == EU_SAMPLE ? NULL : eu_view_new(plan, i, &options->format, 0);
            if (view)
                feed(a, view, i, bytes, size);
            eu_view_free(view);
        }
        eu_aggregate_print(a, &out, "00:00:00", 8, round == 2);
    }
    check_output(&out);
    eu_out_free(&out);
    eu_aggregate_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t total;
    char keys[600], number[300], sort[310];
    if (size < sizeof(struct eu_plan_header) + 2)
        return 0;
    memcpy(&total, data + 8, 4);
    size_t plan_size = total < size - 2 ? total : size - 2;
    struct eu_plan *plan = eu_plan_read(data, plan_size);
    if (!plan)
        return 0;
    uint8_t flags = data[plan_size], fields = data[plan_size + 1];
    if (plan->header.nr_records) {
        choose(plan, fields & 15, keys, sizeof(keys), 1 + (fields >> 4 & 3));
        choose(plan, fields >> 6 | (fields & 3) << 2, number, sizeof(number), 1);
        snprintf(sort, sizeof(sort), "%s%s", flags & 1 ? "+" : "", flags & 64 ? number : flags & 2 ? "mean" : keys);
        if (strchr(sort, ','))
            *strchr(sort, ',') = 0;
        struct eu_run_options options = {
            .format = {.format = (int[]){0, 1, 4, 0}[flags >> 2 & 3], .header = 1, .big_ints = flags >> 1 & 1},
            .count_by = flags & 16 ? keys : NULL,
            .hist = flags & 32 ? number : NULL,
            .sort = flags & 128 ? sort : NULL,
            .top = flags & 64 ? 3 : 0,
            .live = flags & 12 ? 0 : flags >> 1 & 1,
            .clear = flags & 1,
            .out_fd = -1,
            .tell_fd = -1,
        };
        aggregate(plan, &options, data + plan_size + 2, size - plan_size - 2);
    }
    eu_plan_free(plan);
    return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv) {
    return mutate_files(argc, argv, LLVMFuzzerTestOneInput);
}
#endif
