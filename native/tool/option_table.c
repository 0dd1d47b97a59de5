/* The rows of meta.eunomia.options: [name, section, offset, size, count, kind, type, extras]. */
#define _GNU_SOURCE
#include "../error.h"
#include "option.h"
#include <errno.h>
#include <string.h>

enum { MAX_OPTIONS = 4096, MAX_BYTES = 1 << 26, NETWORK_SIZE = 20, COLUMNS = 8 };
static const char *const kinds[EU_OPTION_KINDS] = {
    [EU_INT] = "int",     [EU_UINT] = "uint",     [EU_BOOL] = "bool",       [EU_CHAR] = "char",        [EU_ENUM] = "enum",
    [EU_FLOAT] = "float", [EU_STRING] = "string", [EU_NETWORK] = "network", [EU_TRISTATE] = "tristate"};

static int kind_of(const struct eu_json *value) {
    for (int i = 0; i < EU_OPTION_KINDS; i++)
        if (eu_json_is(value, kinds[i]))
            return i;
    return -1;
}

/* A text of the extras that may be absent. */
static int extra_text(const struct eu_document *d, const struct eu_json *extras, const char *key, const char **text) {
    const struct eu_json *found = eu_json_get(d, extras, key);
    if (!found || found->kind == EU_NULL)
        return 0;
    *text = eu_json_text(found);
    return *text ? 0 : -1;
}

static const struct eu_json *extra(const struct eu_document *d, const struct eu_json *extras, const char *key) {
    const struct eu_json *found = eu_json_get(d, extras, key);
    return found && found->kind != EU_NULL ? found : NULL;
}

static int read_extras(struct eu_option *option, const struct eu_document *d, const struct eu_json *extras) {
    option->longer = option->name;
    option->shorter = option->help = "";
    const char *longer = NULL;
    if (extras->kind != EU_TREE || extra_text(d, extras, "long", &longer) || extra_text(d, extras, "short", &option->shorter) ||
        extra_text(d, extras, "help", &option->help))
        return -1;
    if (longer && *longer)
        option->longer = longer;
    option->given_default = extra(d, extras, "default");
    option->initial = extra(d, extras, "initial");
    option->limits = extra(d, extras, "range");
    option->choices = extra(d, extras, "choices");
    if (option->limits && (option->limits->kind != EU_ARRAY || option->limits->count != 2))
        return -1;
    if (option->choices && option->choices->kind != EU_TREE)
        return -1;
    if (option->choices && !option->choices->count)
        option->choices = NULL;
    for (const struct eu_json *each = eu_json_first(d, option->limits); each; each = eu_json_next(d, each))
        if (each->kind != EU_NUMBER && each->kind != EU_NULL)
            return -1;
    for (const struct eu_json *each = eu_json_first(d, option->choices); each; each = eu_json_next(d, each))
        if (each->kind != EU_NUMBER && each->kind != EU_TEXT)
            return -1;
    return 0;
}

static int is_sized(const struct eu_option *o) {
    if (o->offset < 0 || o->size <= 0 || o->size > MAX_BYTES || o->count < 0 || o->count > MAX_BYTES)
        return 0;
    if (o->size * (o->count ? o->count : 1) > MAX_BYTES)
        return 0;
    if (o->kind == EU_FLOAT)
        return o->size == 4 || o->size == 8;
    if (o->kind == EU_NETWORK)
        return o->size == NETWORK_SIZE;
    return o->size <= 16 || o->kind == EU_STRING || o->kind == EU_BOOL;
}

static int read_row(struct eu_option *option, const struct eu_document *d, const struct eu_json *row) {
    const struct eu_json *cell[COLUMNS];
    if (row->kind != EU_ARRAY || row->count != COLUMNS)
        return -1;
    cell[0] = eu_json_first(d, row);
    for (int i = 1; i < COLUMNS; i++)
        cell[i] = eu_json_next(d, cell[i - 1]);
    int kind = kind_of(cell[5]);
    option->document = d;
    option->name = eu_json_text(cell[0]);
    option->section = eu_json_text(cell[1]);
    option->type = eu_json_text(cell[6]);
    if (!option->name || !option->section || !option->type || kind < 0)
        return -1;
    option->kind = (enum eu_option_kind)kind;
    if (!eu_json_whole(cell[2], &option->offset) || !eu_json_whole(cell[3], &option->size) || !eu_json_whole(cell[4], &option->count))
        return -1;
    return is_sized(option) ? read_extras(option, d, cell[7]) : -1;
}

int eu_options_read(struct eu_options *options, const struct eu_package *package) {
    const struct eu_document *d = &package->document;
    const struct eu_json *rows = eu_package_own(package, "options");
    *options = (struct eu_options){0};
    if (!rows) /* who wrote a plan wrote a table, even an empty one; without it nothing can be set */
        return 0;
    if (rows->kind != EU_ARRAY || rows->count > MAX_OPTIONS)
        return eu_fail(EBADMSG, "`$.meta.eunomia.options`: expected an array of at most %d options", MAX_OPTIONS);
    options->list = eu_pool_get(&options->pool, (rows->count + 1) * sizeof(*options->list));
    if (!options->list)
        return eu_fail(ENOMEM, "read options: out of memory");
    for (const struct eu_json *row = eu_json_first(d, rows); row; row = eu_json_next(d, row))
        if (read_row(&options->list[options->count++], d, row))
            return eu_fail(EBADMSG, "`$.meta.eunomia.options[%d]`: expected [name, section, offset, size, count, kind, type, extras]",
                           options->count - 1);
    return eu_options_spell(options);
}

void eu_options_free(struct eu_options *options) {
    eu_pool_free(&options->pool);
    *options = (struct eu_options){0};
}
