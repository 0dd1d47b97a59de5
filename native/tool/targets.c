/* --attach, --iface, --attach-cgroup, --binary, --freq: which programs attach to what: src/eunomia/cli/targets.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "command.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Targets that were chosen, by program: those named for it go before what is said for all of a kind. */
struct chosen {
    struct eu_tool *tool;
    int *is_named;
};

static int add(struct chosen *c, int program, const char *target, int is_named, const char *option) {
    struct eu_program *p = &c->tool->programs[program];
    if (c->is_named[program] && !is_named)
        return 0;
    if (is_named && !c->is_named[program])
        p->nr_targets = 0;
    c->is_named[program] |= is_named;
    for (int i = 0; i < p->nr_targets; i++)
        if (!strcmp(p->targets[i], target))
            return eu_fail(EU_USAGE, "%s: %s%s%s is given twice", option, is_named ? p->name : "", is_named ? "=" : "", target);
    const char **list = eu_pool_get(&c->tool->pool, ((size_t)p->nr_targets + 1) * sizeof(*list));
    if (!list)
        return eu_fail(ENOMEM, "%s: out of memory", option);
    if (p->nr_targets)
        memcpy(list, p->targets, (size_t)p->nr_targets * sizeof(*list));
    list[p->nr_targets++] = target;
    p->targets = list;
    return 0;
}

/* The kinds of targets that its programs take, by name. */
static const char *kinds_of(struct eu_tool *tool) {
    struct eu_out out = {0};
    const char *last = "";
    for (;;) { /* in order of the alphabet */
        const char *next = NULL, *name;
        for (int kind = 0; (name = eu_target_kind_name(kind)); kind++) {
            int takes = 0;
            for (int i = 0; i < tool->nr_programs; i++)
                takes |= eu_prog_takes(tool->object, i, name) > 0;
            if (takes && strcmp(name, last) > 0 && (!next || strcmp(name, next) < 0))
                next = name;
        }
        if (!next)
            break;
        eu_out_text(&out, out.used ? ", " : "");
        eu_out_text(&out, next);
        last = next;
    }
    const char *text = eu_pool_print(&tool->pool, "%s", eu_out_end(&out));
    eu_out_free(&out);
    return text;
}

static int share(struct chosen *c, const char *option, const char *target) {
    struct eu_tool *tool = c->tool;
    const char *kind = eu_pool_copy(&tool->pool, target, strcspn(target, ":"));
    int takers = 0, err = 0;
    for (int i = 0; i < tool->nr_programs && !err; i++) {
        int takes = tool->programs[i].is_off ? 0 : eu_prog_takes(tool->object, i, kind);
        if (takes < 0) {
            const char *cause = eu_keep_error(tool);
            return eu_fail(EU_USAGE, "%s: %s [%s]", option, cause, kinds_of(tool));
        }
        takers += takes;
        err = takes ? add(c, i, target, 0, option) : 0;
    }
    if (err || takers)
        return err;
    const char *kinds = kinds_of(tool);
    return eu_fail(EU_USAGE, "%s: no program of the package can be attached to %s [%s%s]", option, target,
                   *kinds ? "they take " : "their sections say where they attach", kinds);
}

/* A name as targets have it: commas and backslashes in it are its own. */
static const char *quoted(struct eu_tool *tool, const char *name, size_t size) {
    struct eu_out out = {0};
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '\\' || name[i] == ',')
            eu_out_char(&out, '\\');
        eu_out_char(&out, name[i]);
    }
    const char *text = eu_pool_print(&tool->pool, "%s", eu_out_end(&out));
    eu_out_free(&out);
    return text;
}

/* NAME[,WORD]... of --iface: words at its end are those of iface:. */
static const char *with_modes(struct eu_tool *tool, const char *text) {
    static const char *const words[] = {"native", "generic", "offload", "replace"};
    size_t size = strlen(text);
    for (;;) {
        const char *comma = memrchr(text, ',', size);
        size_t length = comma ? (size_t)(text + size - comma) - 1 : 0;
        int is_mode = 0;
        for (int i = 0; comma && i < 4; i++)
            is_mode |= strlen(words[i]) == length && !strncmp(comma + 1, words[i], length);
        if (!is_mode)
            break;
        size = (size_t)(comma - text);
    }
    return eu_pool_print(&tool->pool, "%s%s", quoted(tool, text, size), text + size);
}

static int is_identifier(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!(isalnum((unsigned char)text[i]) || text[i] == '_') || (!i && isdigit((unsigned char)text[i])))
            return 0;
    return size > 0;
}

/* [PROGRAM=]TARGET */
static int take_attach(struct chosen *c, const char *text) {
    const char *equals = strchr(text, '=');
    int is_named = equals && is_identifier(text, (size_t)(equals - text));
    const char *target = is_named ? equals + 1 : text;
    if (!strchr(target, ':'))
        return eu_fail(EU_USAGE, "--attach: '%s' names no target [PROGRAM=KIND:NAME, as in count=iface:eth0]", text);
    if (!is_named)
        return share(c, "--attach", target);
    int program = eu_tool_find(c->tool, eu_pool_copy(&c->tool->pool, text, (size_t)(equals - text)));
    if (program < 0)
        return eu_no_such("--attach", "program", text, (size_t)(equals - text), c->tool, 0);
    return add(c, program, target, 1, "--attach");
}

/* Put one function or probe into another binary: the last parts of KIND:FILE:FUNCTION or KIND:FILE:PROVIDER:NAME. */
static int move_one(struct chosen *c, int program, const char *kind, const char *own, const char *binary) {
    int parts = strcmp(kind, "usdt") ? 1 : 2;
    const char *spot = own + strlen(own);
    for (; spot > own && parts; spot--)
        parts -= spot[-1] == ':';
    if (parts)
        return 0;
    int err = add(c, program, eu_pool_print(&c->tool->pool, "%s:%s:%s", kind, binary, spot + 1), 0, "--binary");
    return err ? err : 1;
}

static int move(struct chosen *c, const char *name) {
    struct eu_tool *tool = c->tool;
    const char *binary = quoted(tool, name, strlen(name));
    int moved = 0;
    for (int i = 0; i < tool->nr_programs; i++) {
        const struct eu_program *p = &tool->programs[i];
        const char **targets = NULL, *kind = NULL, *section = strchr(p->section, '/');
        if (!p->is_off)
            kind = eu_prog_takes(tool->object, i, "uprobe") > 0 ? "uprobe" : eu_prog_takes(tool->object, i, "usdt") > 0 ? "usdt" : NULL;
        int count = kind ? eu_program_targets(tool, i, &targets) : 0, found = 0;
        if (count < 0)
            return count;
        if (kind && !count)
            found = move_one(c, i, kind, section ? section + 1 : "", binary);
        for (int n = 0; n < count && found >= 0; n++) {
            const char *colon = strchr(targets[n], ':');
            int one = move_one(c, i, kind, colon ? colon + 1 : "", binary);
            found = one < 0 ? one : found | one;
        }
        if (found < 0)
            return found;
        moved |= found;
    }
    return moved ? 0 : eu_fail(EU_USAGE, "--binary: the package has no uprobe or USDT program whose section names a function");
}

static int set_frequency(struct eu_tool *tool, int64_t frequency) {
    int found = 0;
    for (int i = 0; i < tool->nr_programs; i++)
        if (!tool->programs[i].is_off && eu_prog_takes(tool->object, i, "perf") > 0) {
            tool->programs[i].frequency = frequency > INT32_MAX ? INT32_MAX : (int)frequency;
            found = 1;
        }
    return found ? 0 : eu_fail(EU_USAGE, "--freq: the package has no perf_event program");
}

static int choose(struct chosen *c, const struct opt_value *v) {
    struct eu_tool *tool = c->tool;
    int err = 0;
    for (int i = 0; i < v[OPT_ATTACH].count && !err; i++)
        err = take_attach(c, v[OPT_ATTACH].list[i]);
    for (int i = 0; i < v[OPT_IFACE].count && !err; i++)
        err = share(c, "--iface", eu_pool_print(&tool->pool, "iface:%s", with_modes(tool, v[OPT_IFACE].list[i])));
    for (int i = 0; i < v[OPT_ATTACH_CGROUP].count && !err; i++) {
        const char *path = v[OPT_ATTACH_CGROUP].list[i];
        err = share(c, "--attach-cgroup", eu_pool_print(&tool->pool, "cgroup:%s", quoted(tool, path, strlen(path))));
    }
    if (!err && v[OPT_BINARY].is_given)
        err = move(c, v[OPT_BINARY].text);
    return !err && v[OPT_FREQ].is_given ? set_frequency(tool, v[OPT_FREQ].number) : err;
}

int eu_choose_targets(const struct command *command, struct eu_tool *tool) {
    struct chosen c = {tool, eu_pool_get(&tool->pool, ((size_t)tool->nr_programs + 1) * sizeof(int))};
    if (!c.is_named)
        return eu_fail(ENOMEM, "choose targets: out of memory");
    for (int i = 0; i < tool->nr_programs; i++)
        tool->programs[i].nr_targets = 0;
    int err = choose(&c, command->values);
    for (int i = 0; i < tool->nr_programs && !err; i++)
        for (int n = 0; n < tool->programs[i].nr_targets && !err; n++)
            if (eu_target_check(tool->object, i, tool->programs[i].targets[n]) < 0)
                err = eu_fail(EU_USAGE, "%s", eu_keep_error(tool));
    return err;
}

int eu_bind_targets(const struct command *command, struct eu_tool *tool) {
    int err = 0, wanted = 0;
    for (int i = 0; i < command->values[OPT_ATTACH].count; i++)
        wanted |= strstr(command->values[OPT_ATTACH].list[i], "prog:") != NULL;
    if (!wanted || (err = eu_choose_targets(command, tool)))
        return err;
    for (int i = 0; i < tool->nr_programs && !err; i++)
        for (int n = 0; n < tool->programs[i].nr_targets && !err; n++)
            if (!strncmp(tool->programs[i].targets[n], "prog:", 5) && eu_tool_bind(tool, i, tool->programs[i].targets[n]) < 0)
                err = -eu_errno();
    return err;
}
