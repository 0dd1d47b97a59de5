/* Whether what the options ask for exists, before anything is loaded. */
#include "aggregate.h"
#include "error.h"
#include "fields.h"
#include <errno.h>

struct has {
    int events, tables, histograms, traces;
};

static struct has look(const struct eu_plan *plan) {
    struct has has = {0};
    for (uint32_t i = 0; i < plan->header.nr_sources; i++) {
        const struct eu_plan_source *source = &plan->sources[i];
        *(source->kind != EU_SAMPLE    ? &has.events
          : source->style == EU_PLAIN  ? &has.tables
          : source->style == EU_STACKS ? &has.traces
                                       : &has.histograms) = 1;
    }
    return has;
}

/* --sort of tables: one of them has the field. */
static int check_tables(const struct eu_plan *plan, const struct eu_run_options *o) {
    const char *path = o->sort + strspn(o->sort, " +");
    struct eu_field field;
    if (!strcmp(path, "cpu") && o->format.per_cpu)
        return 0;
    for (uint32_t i = 0; i < plan->header.nr_sources; i++)
        if (plan->sources[i].kind == EU_SAMPLE && eu_field_find_sample(plan, &plan->sources[i], path, strlen(path), &field))
            return 0;
    if (eu_fields_check(plan, "--sort", path))
        return -EINVAL;
    return eu_fail(EINVAL, "--sort: %s is no field of a sampled map [for events add --top N, or --count-by FIELDS]", path);
}

int eu_aggregate_check(const struct eu_plan *plan, const struct eu_run_options *o) {
    struct has has = look(plan);
    if (eu_aggregate_is_wanted(plan, o)) {
        struct eu_aggregate *a = eu_aggregate_new(plan, o);
        int err = a ? 0 : -eu_errno();
        eu_aggregate_free(a);
        return err;
    }
    if (!o->top && !o->sort)
        return 0;
    if (has.tables)
        return o->sort ? check_tables(plan, o) : 0;
    if (has.events)
        return o->top ? eu_fail(EINVAL, "--top: of events counted by a field, or of the events in which one is largest [add --count-by "
                                        "FIELDS, or --sort FIELD]")
                      : eu_fail(EINVAL, "--sort: orders rows, events come as they happen [add --count-by FIELDS, or --top N for the "
                                        "events in which the field is largest]");
    if (has.traces && !o->sort)
        return 0;
    return eu_fail(EINVAL, "--%s: the maps of this tool are shown as %s, which have no rows", o->sort ? "sort" : "top",
                   has.traces ? "stack traces" : "histograms");
}
