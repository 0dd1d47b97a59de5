/* Validation of a package's meta, as src/eunomia/package/check.py does it: each key has the type that the format demands. */
#define _GNU_SOURCE
#include "../error.h"
#include "package.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ITEMS = 65536, MAX_NAME = 4096 };

/* Where the check is: the document and the path of what is looked at. */
struct place {
    const struct eu_document *d;
    char path[256];
    size_t used;
};
typedef int check(struct place *at, const struct eu_json *value);

static int refuse(const struct place *at, const char *expected, const struct eu_json *value) {
    return eu_fail(EBADMSG, "`%s`: expected %s, got %s", at->path, expected, eu_json_kind_name(value));
}

static size_t enter(struct place *at, const char *key, unsigned index) {
    size_t before = at->used;
    int size = key ? snprintf(at->path + before, sizeof(at->path) - before, ".%s", key)
                   : snprintf(at->path + before, sizeof(at->path) - before, "[%u]", index);
    at->used = before + (size_t)size < sizeof(at->path) ? before + (size_t)size : sizeof(at->path) - 1;
    return before;
}

static void leave(struct place *at, size_t before) {
    at->used = before;
    at->path[before] = 0;
}

static int text(struct place *at, const struct eu_json *value) {
    return value->kind == EU_TEXT ? 0 : refuse(at, "str", value);
}

static int text_or_null(struct place *at, const struct eu_json *value) {
    return value->kind == EU_NULL ? 0 : text(at, value);
}

static int name(struct place *at, const struct eu_json *value) {
    if (value->kind != EU_TEXT)
        return refuse(at, "str", value);
    if (value->size > MAX_NAME)
        return eu_fail(EBADMSG, "`%s`: %u characters, at most %d are read", at->path, value->size, MAX_NAME);
    return eu_json_text(value) ? 0 : eu_fail(EBADMSG, "`%s`: contains a NUL character", at->path);
}

static int boolean(struct place *at, const struct eu_json *value) {
    return value->kind == EU_TRUE || value->kind == EU_FALSE ? 0 : refuse(at, "bool", value);
}

static int number(struct place *at, const struct eu_json *value) {
    return value->kind == EU_NUMBER && value->is_whole ? 0 : refuse(at, "int", value);
}

static int count(struct place *at, const struct eu_json *value) {
    __int128 wide;
    if (number(at, value))
        return -EBADMSG;
    if (!eu_json_wide(value, &wide) || wide < 0 || wide >> 64)
        return eu_fail(EBADMSG, "`%s`: expected an unsigned 64-bit number, got %.30s", at->path, value->text);
    return 0;
}

static int tree(struct place *at, const struct eu_json *value) {
    return value->kind == EU_TREE ? 0 : refuse(at, "object", value);
}

static int array(struct place *at, const struct eu_json *value, check *element) {
    unsigned index = 0;
    int err = 0;
    if (value->kind != EU_ARRAY)
        return refuse(at, "array", value);
    if (value->count > MAX_ITEMS)
        return eu_fail(EBADMSG, "`%s`: %u items, at most %d are read", at->path, value->count, MAX_ITEMS);
    for (const struct eu_json *each = eu_json_first(at->d, value); each && !err; each = eu_json_next(at->d, each)) {
        size_t before = enter(at, NULL, index++);
        err = element(at, each);
        leave(at, before);
    }
    return err;
}

/* A key of a tree; `must`: it has to be there. */
static int member(struct place *at, const struct eu_json *value, const char *key, int must, check *each) {
    const struct eu_json *found = eu_json_get(at->d, value, key);
    size_t before = enter(at, key, 0);
    int err = found ? each(at, found) : must ? eu_fail(EBADMSG, "`%s`: required, but missing", at->path) : 0;
    leave(at, before);
    return err;
}

static int sample_type(struct place *at, const struct eu_json *value) {
    if (eu_json_is(value, "default_kv") || eu_json_is(value, "log2_hist") || eu_json_is(value, "linear_hist"))
        return 0;
    return eu_fail(EBADMSG, "`%s`: expected default_kv, log2_hist, linear_hist, got '%.40s'", at->path,
                   value->kind == EU_TEXT ? value->text : eu_json_kind_name(value));
}

static int sample(struct place *at, const struct eu_json *value) {
    if (value->kind == EU_NULL)
        return 0;
    return tree(at, value) || member(at, value, "interval", 1, count) || member(at, value, "type", 0, sample_type) ||
                   member(at, value, "unit", 0, text) || member(at, value, "clear_map", 0, boolean)
               ? -EBADMSG
               : 0;
}

static int map(struct place *at, const struct eu_json *value) {
    return tree(at, value) || member(at, value, "name", 1, name) || member(at, value, "ident", 1, name) ||
                   member(at, value, "mmaped", 0, boolean) || member(at, value, "sample", 0, sample)
               ? -EBADMSG
               : 0;
}

static int program(struct place *at, const struct eu_json *value) {
    return tree(at, value) || member(at, value, "name", 1, name) || member(at, value, "attach", 1, name) ||
                   member(at, value, "link", 1, boolean)
               ? -EBADMSG
               : 0;
}

static int variable(struct place *at, const struct eu_json *value) {
    return tree(at, value) || member(at, value, "name", 1, name) || member(at, value, "type", 1, name) ||
                   member(at, value, "description", 0, text_or_null)
               ? -EBADMSG
               : 0;
}

static int variables(struct place *at, const struct eu_json *value) {
    return array(at, value, variable);
}

static int section(struct place *at, const struct eu_json *value) {
    return tree(at, value) || member(at, value, "name", 1, name) || member(at, value, "variables", 1, variables) ? -EBADMSG : 0;
}

static int sections(struct place *at, const struct eu_json *value) {
    return array(at, value, section);
}

static int maps(struct place *at, const struct eu_json *value) {
    return value->kind == EU_NULL ? 0 : array(at, value, map);
}

static int programs(struct place *at, const struct eu_json *value) {
    return value->kind == EU_NULL ? 0 : array(at, value, program);
}

static int doc(struct place *at, const struct eu_json *value) {
    if (value->kind == EU_NULL)
        return 0;
    return tree(at, value) || member(at, value, "version", 0, text_or_null) || member(at, value, "brief", 0, text_or_null) ||
                   member(at, value, "details", 0, text_or_null) || member(at, value, "description", 0, text_or_null)
               ? -EBADMSG
               : 0;
}

static int skeleton(struct place *at, const struct eu_json *value) {
    return tree(at, value) || member(at, value, "obj_name", 1, name) || member(at, value, "data_sections", 1, sections) ||
                   member(at, value, "maps", 1, maps) || member(at, value, "progs", 1, programs) || member(at, value, "doc", 0, doc)
               ? -EBADMSG
               : 0;
}

int eu_package_check(const struct eu_document *document, const struct eu_json *meta, const char *place) {
    struct place at = {.d = document};
    at.used = (size_t)snprintf(at.path, sizeof(at.path), "%s", place);
    return tree(&at, meta) || member(&at, meta, "bpf_skel", 1, skeleton) || member(&at, meta, "eunomia", 0, tree) ? -EBADMSG : 0;
}
