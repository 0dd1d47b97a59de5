/* What a package's annotations on a program say about its attachment: src/eunomia/kernel/settings.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "tool.h"
#include <errno.h>
#include <string.h>

static const char *const points[] = {"BPF_TC_INGRESS", "BPF_TC_EGRESS"};
static const char *const types[] = {"hardware", "software"};
static const char *const software[] = {"cpu_clock",        "task_clock",      "page_faults",     "context_switches",
                                       "cpu_migrations",   "page_faults_min", "page_faults_maj", "alignment_faults",
                                       "emulation_faults", "dummy",           "bpf_output",      "cgroup_switches"};
static const char *const hardware[] = {
    "cpu_cycles",    "instructions", "cache_references",        "cache_misses",           "branch_instructions",
    "branch_misses", "bus_cycles",   "stalled_cycles_frontend", "stalled_cycles_backend", "ref_cpu_cycles"};
#define LENGTH(list) ((int)(sizeof(list) / sizeof(list[0])))

struct annotated {
    struct eu_tool *tool;
    const struct eu_document *d;
    const char *program;
};

static int find(const struct eu_json *value, const char *const *list, int count) {
    for (int i = 0; i < count; i++)
        if (eu_json_is(value, list[i]))
            return i;
    return -1;
}

/* A whole number of at most 32 bits: 1 it is there, 0 it is not, or -EINVAL. */
static int number(const struct annotated *a, const struct eu_json *tree, const char *key, int64_t *found) {
    const struct eu_json *value = eu_json_get(a->d, tree, key);
    if (!value)
        return 0;
    if (!eu_json_whole(value, found) || *found < -(1LL << 31) || *found >= 1LL << 32)
        return eu_fail(EINVAL, "program %s: %s: expected a whole number", a->program, key);
    return 1;
}

static int group(const struct annotated *a, const struct eu_json *settings, const char *key, const struct eu_json **found) {
    *found = eu_json_get(a->d, settings, key);
    if (*found && (*found)->kind != EU_TREE)
        return eu_fail(EINVAL, "program %s: %s: expected an object", a->program, key);
    return 0;
}

static const struct eu_option *find_option(const struct eu_tool *tool, const char *name) {
    for (int i = 0; i < tool->options.count; i++)
        if (!strcmp(tool->options.list[i].name, name))
            return &tool->options.list[i];
    return NULL;
}

/* What a variable was set to before load: a number's place may be taken by its name. */
static int variable(const struct annotated *a, const char *name, int64_t *found) {
    const struct eu_option *option = find_option(a->tool, name);
    struct eu_map_info info;
    if (!option || (option->kind != EU_INT && option->kind != EU_UINT) || option->count || option->size > 8)
        return eu_fail(EINVAL, "program %s: perf_event: '%s' is not a variable with a whole number", a->program, name);
    for (int i = 0; i < eu_map_count(a->tool->object); i++) {
        eu_map_get(a->tool->object, i, &info);
        if (!info.section || strcmp(info.section, option->section))
            continue;
        uint64_t value = 0;
        if (eu_map_read_initial(a->tool->object, i, (size_t)option->offset, &value, (size_t)option->size) < 0)
            return -eu_errno();
        unsigned shift = 64 - (unsigned)option->size * 8;
        *found = option->kind == EU_INT ? (int64_t)(value << shift) >> shift : (int64_t)value;
        return 1;
    }
    return eu_fail(EINVAL, "program %s: perf_event: variable %s has no section %s", a->program, name, option->section);
}

static int rate(const struct annotated *a, const struct eu_json *perf, const char *key, int64_t *found) {
    const char *name = eu_json_text(eu_json_get(a->d, perf, key));
    int err = name ? variable(a, name, found) : number(a, perf, key, found);
    if (err > 0 && (*found < -(1LL << 31) || *found >= 1LL << 32))
        return eu_fail(EINVAL, "program %s: %s: expected a whole number, got %lld", a->program, key, (long long)*found);
    return err;
}

static int fill_perf(const struct annotated *a, const struct eu_json *perf, struct eu_attach_options *options) {
    const struct eu_json *type = eu_json_get(a->d, perf, "type"), *config = eu_json_get(a->d, perf, "config");
    int64_t value = 0;
    if (!perf || !perf->count)
        return 0;
    options->perf_type = type ? find(type, types, LENGTH(types)) : 1;
    if (options->perf_type < 0)
        return eu_fail(EINVAL, "program %s: perf_event: its type is none of hardware, software", a->program);
    int named = options->perf_type ? find(config, software, LENGTH(software)) : find(config, hardware, LENGTH(hardware));
    if (config && named < 0 && !eu_json_whole(config, &value))
        return eu_fail(EINVAL, "program %s: perf_event: its config is none that is known", a->program);
    options->perf_config = named >= 0 ? (uint64_t)named : (uint64_t)value;
    int err = rate(a, perf, "period", &value);
    if (!err && (err = rate(a, perf, "frequency", &value)) > 0)
        options->perf_frequency = 1;
    if (err > 0)
        options->perf_sample = (uint64_t)value;
    if (err >= 0 && (err = number(a, perf, "pid", &value)) > 0)
        options->pid = (int)value;
    if (err >= 0 && (err = number(a, perf, "cpu", &value)) > 0)
        options->cpu = (int)value;
    return err < 0 ? err : 0;
}

static int fill_hooks(const struct annotated *a, const struct eu_json *settings, struct eu_attach_options *options) {
    const struct eu_json *xdp, *hook, *tc;
    int64_t value = 0;
    int err = group(a, settings, "xdpopts", &xdp);
    if (err || (err = group(a, settings, "tchook", &hook)) || (err = group(a, settings, "tcopts", &tc)))
        return err;
    if ((err = number(a, xdp, "old_prog_fd", &value)) > 0)
        options->old_prog_fd = value ? (int)value : -1;
    if (err >= 0 && (err = number(a, hook, "ifindex", &value)) > 0)
        options->ifindex = (int)value;
    const struct eu_json *point = eu_json_get(a->d, hook, "attach_point");
    if (err >= 0 && point) {
        options->tc_point = 1 + find(point, points, LENGTH(points));
        if (!options->tc_point)
            return eu_fail(EINVAL, "program %s: tchook: attach_point is none of BPF_TC_INGRESS, BPF_TC_EGRESS", a->program);
    }
    if (err >= 0 && (err = number(a, tc, "handle", &value)) > 0)
        options->handle = (uint32_t)value;
    if (err >= 0 && (err = number(a, tc, "priority", &value)) > 0)
        options->priority = (uint32_t)value;
    return err < 0 ? err : 0;
}

int eu_program_settings(struct eu_tool *tool, int program, struct eu_attach_options *options) {
    const struct eu_program *p = &tool->programs[program];
    struct annotated a = {tool, &tool->package.document, p->name};
    const struct eu_json *attach = eu_json_get(a.d, p->settings, "attach"), *perf;
    int64_t value = 0;
    int err = number(&a, p->settings, "ifindex", &value);
    if (err > 0)
        options->ifindex = (int)value;
    if (err >= 0 && attach && attach->kind == EU_TEXT && !strncmp(attach->text, "xdp", 3) &&
        (err = number(&a, p->settings, "flags", &value)) > 0)
        options->flags = (uint32_t)value;
    if (err < 0 || (err = fill_hooks(&a, p->settings, options)) || (err = group(&a, p->settings, "perf_event", &perf)) ||
        (err = fill_perf(&a, perf, options)))
        return err;
    if (p->frequency) {
        options->perf_sample = (uint64_t)p->frequency;
        options->perf_frequency = 1;
    }
    return 0;
}

int eu_program_targets(struct eu_tool *tool, int program, const char ***targets) {
    const struct eu_document *d = &tool->package.document;
    const struct eu_program *p = &tool->programs[program];
    const struct eu_json *value = eu_json_get(d, p->settings, "target");
    if (!value || value->kind == EU_NULL)
        return 0;
    int count = 0, is_list = value->kind == EU_ARRAY;
    const char **found = eu_pool_get(&tool->pool, (value->count + 1) * sizeof(*found));
    if (!found)
        return eu_fail(ENOMEM, "program %s: out of memory", p->name);
    for (const struct eu_json *each = is_list ? eu_json_first(d, value) : value; each; each = is_list ? eu_json_next(d, each) : NULL) {
        found[count] = eu_json_text(each);
        if (!found[count++])
            count = -1;
        if (count < 0)
            break;
    }
    if (count < 1)
        return eu_fail(EINVAL, "program %s: target: expected text or a list of texts", p->name);
    *targets = found;
    return count;
}
