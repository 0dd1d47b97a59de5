/* Filters out of arbitrary bytes, on records and elements out of arbitrary bytes: what is not refused runs within bounds.
 *
 * An input is a plan, bytecode, and a record (of a sampled map: the key, then the value). */
#include "eunomia.h"
#include "filter_code.h"
#include "mutate.h"
#include "plan.h"
#include "plan_read.h"

/* Bytes in memory of their own size, so that the sanitizer sees the end. */
static uint8_t *exact(const uint8_t *bytes, size_t size, size_t wanted) {
    uint8_t *copy = calloc(1, wanted ? wanted : 1);
    memcpy(copy, bytes, size < wanted ? size : wanted);
    return copy;
}

static void run(const struct eu_plan *plan, const struct eu_filter *filter, int source, const uint8_t *record, size_t size) {
    const struct eu_plan_source *of = &plan->sources[source];
    if (of->kind == EU_SAMPLE) {
        size_t key_size = plan->types[of->key_type].size, value_size = plan->types[of->value_type].size;
        size_t left = size > key_size ? size - key_size : 0;
        if (key_size > 1 << 16 || value_size > 1 << 16)
            return;
        uint8_t *key = exact(record, size, key_size), *value = exact(left ? record + key_size : record, left, value_size);
        eu_filter_pass(filter, source, 0, key, key_size, value);
        free(key);
        free(value);
        return;
    }
    for (uint32_t match = 0; match < of->nr_records && match < 4; match++)
        for (size_t length = size; length + 1; length = length ? length / 2 : SIZE_MAX) {
            uint8_t *copy = exact(record, length, length);
            int passes = eu_filter_pass(filter, source, (int)match, copy, length, NULL);
            if (passes != eu_filter_pass(filter, source, (int)match, copy, length, NULL))
                abort();
            free(copy);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t plan_size, filter_size;
    if (size < sizeof(struct eu_plan_header) + sizeof(struct eu_filter_header))
        return 0;
    memcpy(&plan_size, data + 8, 4);
    if (plan_size > size - sizeof(struct eu_filter_header))
        return 0;
    struct eu_plan *plan = eu_plan_read(data, plan_size);
    memcpy(&filter_size, data + plan_size + 8, 4);
    if (filter_size > size - plan_size)
        filter_size = (uint32_t)(size - plan_size);
    struct eu_filter *filter = plan ? eu_filter_read(plan, data + plan_size, filter_size) : NULL;
    if (filter) {
        struct eu_members *members = eu_members_new();
        eu_members_pids(members, 0, -1, 1000);
        eu_members_set_pid(members, 0, 7, 1);
        eu_filter_use(filter, members);
        for (int i = 0; i < eu_plan_sources(plan) && i < 8; i++)
            run(plan, filter, i, data + plan_size + filter_size, size - plan_size - filter_size);
        eu_filter_free(filter);
        eu_members_free(members);
    }
    eu_plan_free(plan);
    return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv) {
    return mutate_files(argc, argv, LLVMFuzzerTestOneInput);
}
#endif
