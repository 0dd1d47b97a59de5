/* What the command line changes between opening and loading: programs left out, sizes of buffers: src/eunomia/cli/adjust.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "command.h"
#include "meant.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PERF_EVENT_ARRAY = 4, RINGBUF = 27 };
static const int64_t MAX_RING = 1LL << 31; /* the largest power of two of 32 bits, which the kernel has for it */

int eu_no_such(const char *option, const char *what, const char *name, size_t size, struct eu_tool *tool, int kind) {
    struct eu_meant meant;
    struct eu_out known = {0};
    struct eu_map_info info;
    const char *wanted = eu_pool_copy(&tool->pool, name, size);
    int count = kind ? tool->nr_maps : tool->nr_programs;
    eu_meant_start(&meant, wanted);
    for (int i = 0; i < count; i++) {
        if (kind && (eu_map_get(tool->object, i, &info) || (int)info.type != kind))
            continue;
        const char *each = kind ? info.name : tool->programs[i].name;
        eu_meant_offer(&meant, eu_pool_print(&tool->pool, "%s", each));
        eu_out_text(&known, known.used ? ", " : "");
        eu_out_text(&known, each);
    }
    const char *hint = meant.best ? eu_pool_print(&tool->pool, " (did you mean %s?)", meant.best) : "";
    eu_fail(EU_USAGE, "%s: no %s %s%s (there are %s)", option, what, wanted, hint, known.used ? eu_out_end(&known) : "none");
    eu_out_free(&known);
    return -EU_USAGE;
}

static int switch_all(struct eu_tool *tool, const struct opt_value *value, const char *option, int on) {
    for (int i = 0; i < value->count; i++) {
        int program = eu_tool_find(tool, value->list[i]);
        if (program < 0)
            return eu_no_such(option, "program", value->list[i], strlen(value->list[i]), tool, 0);
        if (eu_tool_switch(tool, program, on) < 0)
            return -eu_errno();
    }
    return 0;
}

/* The power of two, at least a page, that holds so many bytes: what the kernel takes as a ring's size. */
static int ring_bytes(const char *text, int64_t *bytes) {
    int64_t wanted, found = sysconf(_SC_PAGESIZE);
    if (eu_convert_size(text, &wanted))
        return eu_fail(EU_USAGE, "--ring-size: '%s' is not a size in bytes above 0, as in 65536, 64K or 16M", text);
    if (wanted > MAX_RING)
        return eu_fail(EU_USAGE, "--ring-size: %s: a ring buffer has at most %lldG", text, (long long)(MAX_RING >> 30));
    while (found < wanted)
        found *= 2;
    *bytes = found;
    return 0;
}

static int size_one(struct eu_tool *tool, int map, int kind, const char *text, uint32_t entries) {
    int64_t size = entries;
    if (kind == PERF_EVENT_ARRAY)
        return eu_convert_count(text, &size) ? -EU_USAGE : eu_tool_set_pages(tool, map, (int)size);
    int err = strcmp(text, "package") ? ring_bytes(text, &size) : 0;
    return err ? err : eu_tool_resize(tool, map, (uint32_t)size);
}

/* [MAP=]SIZE, for one buffer of a kind or for all. */
static int size_buffers(struct eu_tool *tool, const char *option, const char *text, int kind) {
    const char *equals = strrchr(text, '=');
    size_t name = equals ? (size_t)(equals - text) : 0;
    int there = 0, sized = 0, err = 0;
    for (int i = 0; i < tool->nr_maps && !err; i++) {
        struct eu_map_info info;
        if (eu_map_get(tool->object, i, &info) || (int)info.type != kind)
            continue;
        there++;
        if (name && (strlen(info.name) != name || strncmp(info.name, text, name)))
            continue;
        sized++;
        err = size_one(tool, i, kind, equals ? equals + 1 : text, info.max_entries);
    }
    if (err)
        return err;
    if (!there)
        return eu_fail(EU_USAGE, "%s: there is no %s buffer in it [%s]", option, kind == RINGBUF ? "ring" : "perf",
                       kind == RINGBUF ? "perf buffers: --perf-pages" : "rings: --ring-size");
    return sized ? 0 : eu_no_such(option, kind == RINGBUF ? "ring buffer" : "perf buffer", text, name, tool, kind);
}

int eu_adjust(const struct command *command, struct eu_tool *tool) {
    const struct opt_value *v = command->values;
    int err = switch_all(tool, &v[OPT_SKIP], "--skip", 0);
    if (!err)
        err = switch_all(tool, &v[OPT_ENABLE], "--enable", 1);
    for (int i = 0; i < v[OPT_RING_SIZE].count && !err; i++)
        err = size_buffers(tool, "--ring-size", v[OPT_RING_SIZE].list[i], RINGBUF);
    for (int i = 0; i < v[OPT_PERF_PAGES].count && !err; i++)
        err = size_buffers(tool, "--perf-pages", v[OPT_PERF_PAGES].list[i], PERF_EVENT_ARRAY);
    return err;
}
