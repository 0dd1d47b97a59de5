/* From a package to programs in the kernel: what src/eunomia/kernel/object.py does. */
#define _GNU_SOURCE
#include "tool.h"
#include "../error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PERF_EVENT_ARRAY = 4 };

struct eu_tool *eu_tool_open(const void *bytes, size_t size, const char *origin) {
    struct eu_tool *tool = calloc(1, sizeof(*tool));
    if (!tool)
        return eu_fail_null(ENOMEM, "open %s: out of memory", origin);
    if (!eu_package_read(&tool->package, bytes, size, origin) && !eu_options_read(&tool->options, &tool->package))
        return tool;
    eu_tool_close(tool);
    return NULL;
}

void eu_tool_close(struct eu_tool *tool) {
    if (!tool)
        return;
    eu_close(tool->object);
    eu_options_free(&tool->options);
    eu_package_free(&tool->package);
    eu_pool_free(&tool->pool);
    free(tool);
}

const char *eu_keep_error(struct eu_tool *tool) {
    return eu_pool_print(&tool->pool, "%s", eu_error());
}

int eu_tool_set(struct eu_tool *tool, const char *variable, const char *text) {
    for (int i = 0; i < tool->options.count; i++)
        if (!strcmp(tool->options.list[i].name, variable))
            return eu_option_choose(&tool->options, &tool->options.list[i], text);
    return eu_fail(EU_USAGE, "option %s: the package has no such variable", variable);
}

int eu_tool_find(const struct eu_tool *tool, const char *program) {
    for (int i = 0; i < tool->nr_programs; i++)
        if (!strcmp(tool->programs[i].name, program))
            return i;
    return -ENOENT;
}

/* Write one variable into the section that it is in. */
static int write_value(struct eu_tool *tool, const struct eu_option *option) {
    struct eu_map_info info;
    size_t size = (size_t)(option->size * (option->count ? option->count : 1));
    for (int i = 0; i < eu_map_count(tool->object); i++) {
        eu_map_get(tool->object, i, &info);
        if (info.section && !strcmp(info.section, option->section))
            return eu_map_write_initial(tool->object, i, (size_t)option->offset, option->value, size);
    }
    return eu_fail(ENOENT, "write section %s: the object has no such section", option->section);
}

static int open_object(struct eu_tool *tool) {
    struct eu_open_options options = {.name = tool->package.name,
                                      .btf_path = tool->btf,
                                      .kconfig = tool->kconfig && *tool->kconfig ? tool->kconfig : NULL,
                                      .plain_btf = tool->plain_btf,
                                      .no_rings = tool->no_rings};
    tool->object = eu_open(tool->package.object, tool->package.object_size, &options);
    if (!tool->object)
        return eu_open_failure(tool);
    for (int i = 0; i < tool->options.count; i++) {
        const struct eu_option *option = &tool->options.list[i];
        int err = option->value && strcmp(option->section, ".kconfig") ? write_value(tool, option) : 0;
        if (err)
            return err;
    }
    return 0;
}

static int list_programs(struct eu_tool *tool) {
    const struct eu_document *d = &tool->package.document;
    tool->nr_programs = eu_prog_count(tool->object);
    tool->nr_maps = eu_map_count(tool->object);
    tool->programs = eu_pool_get(&tool->pool, ((size_t)tool->nr_programs + 1) * sizeof(*tool->programs));
    tool->entries = eu_pool_get(&tool->pool, ((size_t)tool->nr_maps + 1) * sizeof(*tool->entries));
    tool->pages = eu_pool_get(&tool->pool, ((size_t)tool->nr_maps + 1) * sizeof(*tool->pages));
    if (!tool->programs || !tool->entries || !tool->pages)
        return eu_fail(ENOMEM, "open %s: out of memory", tool->package.origin);
    for (int i = 0; i < tool->nr_programs; i++) {
        struct eu_prog_info info;
        struct eu_program *program = &tool->programs[i];
        eu_prog_get(tool->object, i, &info);
        program->name = eu_pool_print(&tool->pool, "%s", info.name);
        program->section = eu_pool_print(&tool->pool, "%s", info.section);
        program->is_off = !info.autoload;
        program->settings = eu_package_entry(&tool->package, "progs", program->name);
        const struct eu_json *optional = eu_json_get(d, program->settings, "optional");
        program->is_optional = optional && optional->kind == EU_TRUE;
    }
    return 0;
}

/* The package's own values, and the text that libbpf reads CONFIG_ variables from. */
static int choose_values(struct eu_tool *tool) {
    struct eu_out text = {0};
    for (int i = 0; i < tool->options.count; i++) {
        struct eu_option *option = &tool->options.list[i];
        if (!option->value && eu_option_choose_default(&tool->options, option))
            return -eu_errno();
        if (option->value && !strcmp(option->section, ".kconfig"))
            eu_out_text(&text, (const char *)option->value);
    }
    tool->kconfig = eu_pool_print(&tool->pool, "%s", eu_out_end(&text));
    eu_out_free(&text);
    return 0;
}

/* A file of types must be one that libbpf reads: BTF, or an ELF file that has some. */
static int check_btf(const char *path) {
    static const uint8_t little[] = {0x9f, 0xeb}, big[] = {0xeb, 0x9f}, elf[] = {0x7f, 'E'};
    uint8_t magic[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return eu_fail(errno, "%s: %s", path, eu_strerror(errno));
    ssize_t n = read(fd, magic, sizeof(magic));
    close(fd);
    if (n == 2 && (!memcmp(magic, little, 2) || !memcmp(magic, big, 2) || !memcmp(magic, elf, 2)))
        return 0;
    return eu_fail(EINVAL, "read %s: neither BTF nor an ELF file with it", path);
}

int eu_tool_prepare(struct eu_tool *tool, const char *btf) {
    const char *named = getenv("BTF_FILE_PATH");
    tool->btf = btf ? btf : named && *named ? named : NULL;
    int err = tool->btf ? check_btf(tool->btf) : 0;
    if (!err)
        err = choose_values(tool);
    if (!err)
        err = open_object(tool);
    if (!err)
        err = list_programs(tool);
    return err ? err : eu_tool_find_groups(tool);
}

int eu_tool_switch(struct eu_tool *tool, int program, int on) {
    tool->programs[program].is_off = !on;
    return eu_prog_set_autoload(tool->object, program, on);
}

int eu_tool_resize(struct eu_tool *tool, int map, uint32_t entries) {
    tool->entries[map] = entries;
    return eu_map_set_max_entries(tool->object, map, entries);
}

int eu_tool_set_pages(struct eu_tool *tool, int map, int pages) {
    tool->pages[map] = pages;
    return eu_map_set_perf_pages(tool->object, map, pages);
}

int eu_tool_bind(struct eu_tool *tool, int program, const char *target) {
    tool->programs[program].bound = eu_pool_print(&tool->pool, "%s", target);
    return eu_prog_bind(tool->object, program, target);
}

/* Begin again without what was left out: libbpf loads an object whole or not at all. */
static int reopen(struct eu_tool *tool) {
    struct eu_map_info info;
    eu_close(tool->object);
    tool->object = NULL;
    int err = open_object(tool);
    for (int i = 0; i < tool->nr_maps && !err; i++) {
        eu_map_get(tool->object, i, &info);
        if (tool->entries[i] && !(tool->no_rings && info.type == PERF_EVENT_ARRAY)) /* bytes of a ring that is none now */
            err = eu_map_set_max_entries(tool->object, i, tool->entries[i]);
        if (!err && tool->pages[i])
            err = eu_map_set_perf_pages(tool->object, i, tool->pages[i]);
    }
    for (int i = 0; i < tool->nr_programs && !err; i++) {
        const struct eu_program *program = &tool->programs[i];
        if (program->bound)
            err = eu_prog_bind(tool->object, i, program->bound);
        if (!err)
            err = eu_prog_set_autoload(tool->object, i, !program->is_off && !program->skipped && !program->passed);
    }
    return err;
}

/* What to do about a refusal: 0 it is tried again, or -errno. */
static int look_at_refusal(struct eu_tool *tool) {
    int lacks = !tool->no_rings && eu_tool_lacks_rings(tool), number = eu_tool_culprit(tool);
    int err = eu_load_failure(tool);
    struct eu_program *program = number < 0 ? NULL : &tool->programs[number];
    if (lacks) {
        tool->no_rings = 1;
        return reopen(tool);
    }
    if (!program || program->skipped || program->passed)
        return err;
    if (eu_tool_other(tool, number) >= 0)
        program->passed = eu_keep_error(tool);
    else if (program->is_optional)
        program->skipped = eu_keep_error(tool);
    else
        return err;
    return reopen(tool);
}

/* Name the programs that others attach to, where the package says so. */
static int bind_annotated(struct eu_tool *tool) {
    const char **targets = NULL;
    for (int i = 0; i < tool->nr_programs; i++) {
        int count = tool->programs[i].bound ? 0 : eu_program_targets(tool, i, &targets);
        if (count < 0)
            return count;
        if (count && !strncmp(targets[0], "prog:", 5) && eu_tool_bind(tool, i, targets[0]) < 0)
            return -eu_errno();
    }
    return 0;
}

int eu_tool_load(struct eu_tool *tool) {
    int err = bind_annotated(tool);
    while (!err && eu_load(tool->object) < 0)
        err = look_at_refusal(tool);
    if (err)
        return err;
    tool->is_loaded = 1;
    return eu_tool_fill_arrays(tool);
}

struct eu_run *eu_tool_run(struct eu_tool *tool, const struct eu_run_options *options, struct eu_plan **plan) {
    *plan = NULL;
    if (eu_package_plan(&tool->package))
        return NULL;
    *plan = eu_plan_read(tool->package.plan, tool->package.plan_size);
    if (!*plan)
        return NULL;
    if (tool->no_rings)
        eu_plan_without_rings(*plan);
    return eu_run_new(tool->object, *plan, options);
}

/* Note that the kernel does not call programs of security hooks. */
static void look_at_lsm(struct eu_tool *tool, struct eu_program *program) {
    char active[1024];
    if (strncmp(program->section, "lsm", 3) || eu_probe_security("lsm", active, sizeof(active)) <= 0)
        return;
    active[strcspn(active, "\n")] = 0;
    for (char *rest = active; rest;) {
        size_t size = strcspn(rest, ",");
        if (size == 3 && !strncmp(rest, "bpf", 3))
            return;
        rest = rest[size] ? rest + size + 1 : NULL;
    }
    program->dormant =
        eu_pool_print(&tool->pool, "\"bpf\" is not among the security modules of this kernel [boot with lsm=%s,bpf]", active);
}

static int attach_one(struct eu_tool *tool, int number) {
    struct eu_program *program = &tool->programs[number];
    struct eu_attach_options options = {.old_prog_fd = -1, .perf_type = -1, .pid = -1, .cpu = -1};
    const char **targets = program->targets;
    int count = program->nr_targets, err = eu_program_settings(tool, number, &options);
    if (!err && !count)
        count = eu_program_targets(tool, number, &targets);
    if (err || count < 0)
        return err ? err : count;
    if (!count)
        return eu_prog_attach(tool->object, number, &options) < 0 ? -eu_errno() : 0;
    for (int i = 0; i < count; i++) {
        options.target = targets[i];
        if (eu_prog_attach(tool->object, number, &options) < 0)
            return -eu_errno();
    }
    return 0;
}

/* A program did not attach: 0 the tool does without it. */
static int leave_out(struct eu_tool *tool, int number) {
    struct eu_program *program = &tool->programs[number];
    const char *cause = eu_keep_error(tool);
    int err = eu_errno(), others = 0;
    eu_prog_detach(tool->object, number);
    if (eu_tool_other(tool, number) >= 0)
        program->passed = cause;
    else if (program->is_optional)
        program->skipped = cause;
    else {
        for (int i = 0; i < tool->nr_programs; i++)
            others += !tool->programs[i].is_off;
        eu_tool_detach(tool);
        eu_fail(err, "%s", cause);
        return eu_attach_failure(tool, number, others > 1 && strncmp(program->section, "struct_ops", 10));
    }
    return 0;
}

int eu_tool_attach(struct eu_tool *tool) {
    int *order = eu_pool_get(&tool->pool, ((size_t)tool->nr_programs + 1) * sizeof(*order));
    int count = order ? eu_tool_order(tool, order) : eu_fail(ENOMEM, "attach: out of memory");
    for (int i = 0; i < count; i++) {
        struct eu_program *program = &tool->programs[order[i]];
        if (program->is_off || program->skipped || program->passed)
            continue;
        if (attach_one(tool, order[i]) < 0) {
            int err = leave_out(tool, order[i]);
            if (err)
                return err;
            continue;
        }
        for (int other; (other = eu_tool_other(tool, order[i])) >= 0;)
            tool->programs[other].passed = eu_pool_print(&tool->pool, "%s runs in its place", program->name);
        look_at_lsm(tool, program);
    }
    return count < 0 ? count : 0;
}

void eu_tool_detach(struct eu_tool *tool) {
    for (int i = 0; i < tool->nr_programs; i++)
        eu_prog_detach(tool->object, i);
}
