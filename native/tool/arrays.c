/* Prog arrays, filled with the programs that `@prog_array` names: src/eunomia/kernel/tailcalls.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "tool.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int malformed(const char *map) {
    return eu_fail(EINVAL, "fill map %s: @prog_array: expected a list of programs, or an object of places and programs", map);
}

static int put(struct eu_tool *tool, int map, const struct eu_map_info *info, long place, const char *name) {
    struct eu_prog_info program;
    int number = eu_tool_find(tool, name);
    if (number < 0)
        return eu_fail(EINVAL, "fill map %s: @prog_array: no program %s", info->name, name);
    if (place < 0 || place >= (long)info->max_entries)
        return eu_fail(EINVAL, "fill map %s: @prog_array: place %ld, but it has %u", info->name, place, info->max_entries);
    eu_prog_get(tool->object, number, &program);
    uint32_t key = (uint32_t)place, value = (uint32_t)program.fd;
    if (program.fd < 0 || !eu_map_update(tool->object, map, &key, &value, 0))
        return 0; /* what was left out leaves its place empty, and the call falls through */
    int err = eu_errno();
    const char *cause = eu_keep_error(tool);
    return eu_fail(err, "fill map %s: place %ld, program %s: %s%s", info->name, place, name, cause,
                   err == EINVAL ? " [programs of one prog array are of one type]" : "");
}

static int fill(struct eu_tool *tool, const char *name, const struct eu_json *value) {
    const struct eu_document *d = &tool->package.document;
    struct eu_map_info info;
    int map = eu_map_find(tool->object, name), err = 0;
    long place = 0;
    if (map < 0)
        return eu_fail(ENOENT, "fill map %s: the object has no such map", name);
    eu_map_get(tool->object, map, &info);
    if ((value->kind != EU_ARRAY && value->kind != EU_TREE) || !value->count)
        return malformed(name);
    for (const struct eu_json *each = eu_json_first(d, value); each && !err; each = eu_json_next(d, each), place++) {
        if (each->key) {
            if (!each->key_size || each->key_size > 10 || each->key[strspn(each->key, "0123456789")])
                return malformed(name);
            place = strtol(each->key, NULL, 10);
        }
        if (each->kind != EU_NULL && !eu_json_text(each))
            return malformed(name);
        err = each->kind == EU_NULL ? 0 : put(tool, map, &info, place, eu_json_text(each));
    }
    return err;
}

int eu_tool_fill_arrays(struct eu_tool *tool) {
    const struct eu_document *d = &tool->package.document;
    int err = 0;
    for (const struct eu_json *each = eu_json_first(d, eu_package_list(&tool->package, "maps")); each && !err;
         each = eu_json_next(d, each)) {
        const struct eu_json *array = eu_json_get(d, each, "prog_array");
        const char *name = eu_json_text(eu_json_get(d, each, "name"));
        if (array && name)
            err = fill(tool, name, array);
    }
    return err;
}
