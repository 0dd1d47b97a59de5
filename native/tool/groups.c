/* Of several programs for one purpose the first that this kernel takes; tail-called ones are not attached:
 * src/eunomia/kernel/alternatives.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "tool.h"
#include <errno.h>
#include <string.h>

enum { PROG_ARRAY = 3 };
/* Families of sections that do the same in two ways, the better one first. */
static const char *const pairs[][2] = {{"fentry", "kprobe"}, {"fexit", "kretprobe"}, {"tp_btf", "raw_tp"}, {"tp_btf", "raw_tracepoint"}};
/* What names tell such programs apart by. */
static const char *const words[] = {"fentry", "fexit", "kprobe", "kretprobe", "kret",  "btf",
                                    "tp",     "raw",   "rawtp",  "handle",    "entry", "exit"};

/* The next word of a name that does not say how it attaches; its size, 0 behind the last. */
static size_t next_word(const char **name) {
    while (**name) {
        size_t size = strcspn(*name, "_");
        int is_way = !size;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !is_way; i++)
            is_way = strlen(words[i]) == size && !strncmp(*name, words[i], size);
        if (!is_way)
            return size;
        *name += size + ((*name)[size] == '_');
    }
    return 0;
}

static int same_stem(const char *a, const char *b) {
    for (;;) {
        size_t left = next_word(&a), right = next_word(&b);
        if (left != right || strncmp(a, b, left))
            return 0;
        if (!left)
            return 1;
        a += left;
        b += right;
    }
}

static int is_family(const char *section, const char *family, size_t size) {
    size_t wanted = strlen(family);
    return !strncmp(section, family, wanted) && (size == wanted || (size == wanted + 2 && !strncmp(section + wanted, ".s", 2)));
}

static int is_older_way(const struct eu_program *newer, const struct eu_program *older) {
    size_t new = strcspn(newer->section, "/"), old = strcspn(older->section, "/");
    if (!newer->section[new] || !older->section[old] || strcmp(newer->section + new, older->section + old))
        return 0;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (is_family(newer->section, pairs[i][0], new) && strlen(pairs[i][1]) == old && !strncmp(older->section, pairs[i][1], old))
            return same_stem(newer->name, older->name);
    return 0;
}

static int find_annotated(struct eu_tool *tool) {
    const struct eu_document *d = &tool->package.document;
    for (int i = 0; i < tool->nr_programs; i++) {
        const struct eu_json *group = eu_json_get(d, tool->programs[i].settings, "alternative");
        if (group && group->kind != EU_NULL && !eu_json_text(group))
            return eu_fail(EINVAL, "program %s: alternative: expected a name", tool->programs[i].name);
    }
    /* in the order of the package's list: the source's */
    int rank = 0;
    for (const struct eu_json *each = eu_json_first(d, eu_package_list(&tool->package, "progs")); each; each = eu_json_next(d, each)) {
        const char *group = eu_json_text(eu_json_get(d, each, "alternative")), *name = eu_json_text(eu_json_get(d, each, "name"));
        int number = group && name ? eu_tool_find(tool, name) : -1;
        if (number < 0 || tool->programs[number].group)
            continue;
        struct eu_program *program = &tool->programs[number];
        for (int i = 0; i < tool->nr_programs && !program->group; i++)
            if (tool->programs[i].group && eu_json_is(eu_json_get(d, tool->programs[i].settings, "alternative"), group))
                program->group = tool->programs[i].group;
        if (!program->group)
            program->group = ++tool->nr_groups;
        program->rank = rank++;
    }
    return 0;
}

int eu_tool_find_groups(struct eu_tool *tool) {
    int err = find_annotated(tool), annotated = tool->nr_groups;
    for (int i = 0; i < tool->nr_programs && !err; i++) {
        struct eu_program *newer = &tool->programs[i];
        if (newer->group && newer->group <= annotated)
            continue;
        for (int n = 0, rank = 1; n < tool->nr_programs; n++) {
            struct eu_program *older = &tool->programs[n];
            if (older->group || !is_older_way(newer, older))
                continue;
            newer->group = newer->group ? newer->group : ++tool->nr_groups;
            older->group = newer->group;
            older->rank = rank++;
        }
    }
    return err;
}

int eu_tool_other(const struct eu_tool *tool, int program) {
    for (int i = 0; i < tool->nr_programs && tool->programs[program].group; i++) {
        const struct eu_program *other = &tool->programs[i];
        if (i != program && other->group == tool->programs[program].group && !other->skipped && !other->passed && !other->is_off)
            return i;
    }
    return -1;
}

static int has_prog_array(const struct eu_tool *tool) {
    struct eu_map_info info;
    for (int i = 0; i < tool->nr_maps; i++)
        if (!eu_map_get(tool->object, i, &info) && info.type == PROG_ARRAY)
            return 1;
    return 0;
}

static uint32_t type_of(const struct eu_tool *tool, int program) {
    struct eu_prog_info info = {0};
    eu_prog_get(tool->object, program, &info);
    return info.type;
}

static int is_called(const struct eu_tool *tool, int program) {
    return !tool->programs[program].is_off && eu_prog_in_array(tool->object, program) > 0;
}

/* A program in a prog array is attached where it was told a target, or where no other of its type could call it. */
static int only_called(struct eu_tool *tool, int program) {
    const struct eu_program *p = &tool->programs[program];
    if (!is_called(tool, program) || p->nr_targets || eu_json_get(&tool->package.document, p->settings, "target"))
        return 0;
    for (int i = 0; i < tool->nr_programs; i++)
        if (!tool->programs[i].is_off && !tool->programs[i].skipped && !is_called(tool, i) && type_of(tool, i) == type_of(tool, program))
            return 1;
    return 0;
}

static int list_all(struct eu_tool *tool, int *order) {
    const struct eu_document *d = &tool->package.document;
    const struct eu_json *listed = eu_package_list(&tool->package, "progs");
    int count = 0;
    if (!listed || !listed->count) {
        for (; count < tool->nr_programs; count++)
            order[count] = count;
        return count;
    }
    for (const struct eu_json *each = eu_json_first(d, listed); each; each = eu_json_next(d, each)) {
        const char *name = eu_json_text(eu_json_get(d, each, "name"));
        int number = name ? eu_tool_find(tool, name) : -1;
        if (number < 0)
            return eu_fail(ENOENT, "attach program %s: the package lists it, but its object has no such program", name ? name : "");
        int is_there = 0;
        for (int i = 0; i < count; i++)
            is_there |= order[i] == number;
        if (!is_there) /* so there is room */
            order[count++] = number;
    }
    return count;
}

int eu_tool_order(struct eu_tool *tool, int *order) {
    int count = list_all(tool, order), kept = 0, has_array = has_prog_array(tool);
    if (count < 0 || (!tool->nr_groups && !has_array))
        return count;
    for (int i = 0; i < count; i++)
        if (!has_array || !only_called(tool, order[i]))
            order[kept++] = order[i];
    for (int i = 1; i < kept; i++) /* by rank, else as listed */
        for (int n = i; n && tool->programs[order[n]].rank < tool->programs[order[n - 1]].rank; n--) {
            int swap = order[n];
            order[n] = order[n - 1];
            order[n - 1] = swap;
        }
    return kept;
}
