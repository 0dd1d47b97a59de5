/* Events counted by their fields: what was asked for becomes a shape for each record type; each event finds its row. */
#include "aggregate_parts.h"
#include "error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Of --sort with --top: whether it is a field of an event, or of neither an event nor a table: then that is said. */
static int sorts_events(const struct eu_plan *plan, const char *path) {
    int events = 0, tables = 0;
    struct eu_field field;
    path += strspn(path, " +");
    for (uint32_t i = 0; i < plan->header.nr_sources; i++) {
        const struct eu_plan_source *source = &plan->sources[i];
        if (source->kind == EU_SAMPLE && source->style == EU_PLAIN)
            tables |= eu_field_find_sample(plan, source, path, strlen(path), &field);
        for (uint32_t r = 0; r < source->nr_records && source->kind != EU_SAMPLE; r++) {
            if (eu_field_find(plan, plan->records[source->first_record + r].type, path, strlen(path), &field))
                return 1;
            events = 1;
        }
    }
    return events && !tables;
}

int eu_aggregate_is_wanted(const struct eu_plan *plan, const struct eu_run_options *o) {
    return o->count_by || o->hist || (o->top && o->sort && sorts_events(plan, o->sort));
}

static char *copy_path(const char *path, size_t size) {
    char *copy = malloc(size + 1);
    if (copy) {
        memcpy(copy, path, size);
        copy[size] = 0;
    }
    return copy;
}

static int read_paths(struct eu_aggregate *a, const char *list) {
    const char *path;
    size_t size;
    while ((path = eu_next_path(&list, &size))) {
        if (a->nr_key == FIELDS_LIMIT)
            return eu_fail(EINVAL, "--count-by: more than %d fields", FIELDS_LIMIT);
        if (!(a->paths[a->nr_key] = copy_path(path, size)))
            return eu_fail(ENOMEM, "aggregate: out of memory");
        a->nr_key++;
    }
    return 0;
}

enum { SHAPES_LIMIT = 4096 };

/* The one path of --hist or --sort. */
static int read_path(char **to, const char *option, const char *list) {
    size_t size, more;
    const char *path = eu_next_path(&list, &size);
    if (path && eu_next_path(&list, &more))
        return eu_fail(EINVAL, "%s: more than one field", option);
    if (!path)
        return eu_fail(EINVAL, "%s: expected the name of a field", option);
    *to = copy_path(path, size);
    return *to ? 0 : eu_fail(ENOMEM, "aggregate: out of memory");
}

static int count_shapes(const struct eu_plan *plan) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < plan->header.nr_sources; i++)
        count += plan->sources[i].kind == EU_SAMPLE ? 0 : plan->sources[i].nr_records;
    return count > SHAPES_LIMIT ? eu_fail(ENOTSUP, "aggregate: %llu record types, at most %d", (unsigned long long)count, SHAPES_LIMIT)
                                : (int)count;
}

static void make_shape(struct eu_aggregate *a, uint32_t type) {
    struct shape *shape = &a->shapes[a->nr_shapes];
    shape->variant = (uint16_t)a->nr_shapes++;
    shape->takes_part = eu_key_shape(a, type, shape);
    for (uint16_t v = 0; v < shape->variant && shape->takes_part; v++)
        if (a->shapes[v].takes_part && eu_key_same(a, &a->shapes[v], shape)) {
            shape->variant = v;
            break;
        }
}

/* A shape for every record type; an error where none has all of the fields. */
static int make_shapes(struct eu_aggregate *a) {
    const struct eu_plan *plan = a->show.plan;
    const struct eu_run_options *o = a->options;
    int count = count_shapes(plan), found = 0;
    if (count < 0)
        return count;
    a->first_shape = calloc(plan->header.nr_sources + 1, sizeof(*a->first_shape));
    a->shapes = calloc((size_t)count + 1, sizeof(*a->shapes));
    if (!a->first_shape || !a->shapes)
        return eu_fail(ENOMEM, "aggregate: out of memory");
    for (uint32_t i = 0; i < plan->header.nr_sources; i++) {
        const struct eu_plan_source *source = &plan->sources[i];
        a->first_shape[i] = a->nr_shapes;
        for (uint32_t r = 0; r < source->nr_records && source->kind != EU_SAMPLE; r++)
            make_shape(a, plan->records[source->first_record + r].type);
    }
    for (int i = 0; i < a->nr_shapes; i++) {
        found |= a->shapes[i].takes_part;
        a->scratch_size = a->shapes[i].need > a->scratch_size ? a->shapes[i].need : a->scratch_size;
    }
    const char *option = o->count_by ? "--count-by" : o->hist ? "--hist" : "--sort";
    if (!found && count)
        return eu_fail(EINVAL, "%s: no event has all of these fields", option);
    return found ? 0 : eu_fail(EINVAL, "%s: there are no events [--sort and --top order the tables of sampled maps]", option);
}

static int check_keys(const struct eu_aggregate *a) {
    for (int i = 0; i < a->nr_shapes; i++)
        for (int k = 0; k < a->nr_key && a->shapes[i].takes_part; k++)
            if (a->shapes[i].key[k].kind == PART_BYTES && a->shapes[i].key[k].size > KEY_LIMIT)
                return eu_fail(EINVAL, "--count-by: field %s takes %u bytes, a key has room for %d", a->paths[k], a->shapes[i].key[k].size,
                               KEY_LIMIT);
    return 0;
}

/* The field of --hist, or the one that --top orders events by, is a number in every record type. */
static int check_number(struct eu_aggregate *a) {
    const struct eu_plan *plan = a->show.plan;
    for (int i = 0; i < a->nr_shapes && a->number_path; i++) {
        const struct part *part = &a->shapes[i].number;
        const struct eu_plan_type *type = &plan->types[part->field.type];
        if (!a->shapes[i].takes_part)
            continue;
        int is_float = type->kind == EU_FLOAT && (type->size == 4 || type->size == 8);
        if (!is_float && part->kind != PART_NUMBER)
            return eu_fail(EINVAL, "%s: field %s is no number of at most 64 bits", a->options->hist ? "--hist" : "--sort", a->number_path);
        a->is_float |= is_float;
        a->is_signed |= is_float || part->is_signed;
        a->number_decoder = part->field.decoder;
        a->number_type = part->field.type;
        a->is_amount = (part->field.decoder >= EU_DURATION_NS && part->field.decoder <= EU_DURATION_US) ||
                       (part->field.decoder >= EU_DURATION_MS && part->field.decoder <= EU_DURATION_S) || part->field.decoder == EU_SIZE;
    }
    return 0;
}

static int read_sort(struct eu_aggregate *a) {
    struct eu_out names = {0};
    char *path = NULL;
    int err = read_path(&path, "--sort", a->options->sort), found = 0;
    const char *name = path && *path == '+' ? path + 1 : path;
    a->ascending = path && *path == '+';
    for (int i = 0; i < a->nr_key && path; i++) {
        eu_out_format(&names, "%s, ", a->paths[i]);
        if (found || strcmp(a->paths[i], name))
            continue;
        a->sort_column = BY_KEY;
        a->sort_key = i;
        found = 1;
    }
    for (enum column c = BY_COUNT; c <= (a->has_number ? BY_P99 : BY_COUNT) && path; c++) {
        eu_out_format(&names, "%s%s", c == BY_COUNT ? "" : ", ", eu_aggregate_column(c));
        if (found || strcmp(eu_aggregate_column(c), name))
            continue;
        a->sort_column = (int)c;
        found = 1;
    }
    if (!err && !found)
        err = eu_fail(EINVAL, "--sort: no column %s [columns: %.*s]", name, (int)names.used, names.data ? names.data : "");
    eu_out_free(&names);
    free(path);
    return err;
}

static int read_fields(struct eu_aggregate *a) {
    const struct eu_run_options *o = a->options;
    int err = 0;
    a->sort_column = BY_COUNT;
    if (o->count_by)
        err = eu_fields_check(a->show.plan, "--count-by", o->count_by) ? -eu_errno() : read_paths(a, o->count_by);
    if (!err && o->hist)
        err = read_path(&a->number_path, "--hist", o->hist) ? -eu_errno() : eu_fields_check(a->show.plan, "--hist", a->number_path);
    a->has_number = o->hist != NULL;
    if (!err && o->sort && (o->count_by || o->hist))
        return read_sort(a);
    if (!err && !o->count_by && !o->hist) {
        const char *path = o->sort + strspn(o->sort, " +");
        a->ascending = memchr(o->sort, '+', (size_t)(path - o->sort)) != NULL;
        err = read_path(&a->number_path, "--sort", path) ? -eu_errno() : eu_fields_check(a->show.plan, "--sort", a->number_path);
    }
    return err;
}

static int check_format(const struct eu_aggregate *a) {
    int format = a->show.format.format;
    if (a->show.format.compat)
        return eu_fail(EINVAL, "--compat: the first system counts nothing");
    if (a->show.format.fields && *a->show.format.fields && (a->options->count_by || a->options->hist))
        return eu_fail(EINVAL, "--fields: of events, not of what is counted [--count-by names its columns]");
    if (format == 2 || format == 3)
        return eu_fail(EINVAL, "--%s: what is counted has no such form [text, json or csv]", format == 2 ? "format raw" : "folded");
    return 0;
}

static int open_aggregate(struct eu_aggregate *a) {
    const struct eu_run_options *o = a->options;
    if (check_format(a) || read_fields(a) || make_shapes(a) || check_keys(a) || check_number(a))
        return -eu_errno();
    a->scratch = calloc(1, a->scratch_size + 1);
    if (!a->scratch)
        return eu_fail(ENOMEM, "aggregate: out of memory");
    if (!o->count_by && !o->hist)
        return (a->top = eu_top_new(a)) ? 0 : -eu_errno();
    a->other = calloc(1, sizeof(*a->other) + eu_stats_size(a));
    return a->other ? eu_rows_open(&a->table, eu_stats_size(a)) : eu_fail(ENOMEM, "aggregate: out of memory");
}

struct eu_aggregate *eu_aggregate_new(const struct eu_plan *plan, const struct eu_run_options *options) {
    struct eu_aggregate *a = calloc(1, sizeof(*a));
    if (!a)
        return eu_fail_null(ENOMEM, "aggregate: out of memory");
    a->options = options;
    a->show = (struct eu_show){.plan = plan, .format = options->format};
    a->live.fd = options->out_fd;
    a->is_live = options->live && options->top && !options->format.format;
    if (!open_aggregate(a)) {
        a->clear = a->top ? options->clear != 0 : options->clear == 1;
        return a;
    }
    eu_aggregate_free(a);
    return NULL;
}

void eu_aggregate_free(struct eu_aggregate *a) {
    if (!a)
        return;
    for (int i = 0; i < a->nr_key; i++)
        free(a->paths[i]);
    free(a->number_path);
    free(a->first_shape);
    free(a->shapes);
    free(a->scratch);
    free(a->other);
    eu_top_free(a->top);
    eu_rows_free(&a->table);
    free(a);
}

int eu_aggregate_add(struct eu_aggregate *a, int source, int match, const uint8_t *record, size_t size) {
    const struct shape *shape = &a->shapes[a->first_shape[source] + match];
    if (!shape->takes_part || (a->number_path && !eu_field_is_there(a->show.plan, &shape->number.field, size)))
        return 1;
    const uint8_t *whole = record;
    size_t whole_size = size;
    if (size < shape->need) {
        memcpy(a->scratch, record, size);
        memset(a->scratch + size, 0, shape->need - size);
        whole = a->scratch;
        whole_size = shape->need;
    }
    if (a->top) {
        a->events++;
        return eu_top_add(a, source, match, shape, whole, size < whole_size ? size : whole_size);
    }
    long key_size = eu_key_make(a, shape, whole, whole_size);
    if (key_size == EU_KEY_ABSENT)
        return 1;
    struct row *row = key_size < 0 ? NULL : eu_rows_find(&a->table, a->key, (size_t)key_size, shape->variant);
    a->events++;
    ++*(row ? &row->count : &a->other_count);
    if (a->has_number)
        eu_stats_add(a, row ? row->stats : a->other, shape, whole);
    return 0;
}

double eu_aggregate_interval(const struct eu_aggregate *a) {
    return a->options->interval > 0 ? a->options->interval : a->options->top ? 1 : 0;
}

static void tell(struct eu_aggregate *a) {
    const char *program = a->options->program;
    if (a->options->tell_fd >= 0)
        dprintf(a->options->tell_fd, "%s%s%zu keys are kept apart, %llu events with others are counted as (other)\n",
                program ? program : "", program ? ": " : "", a->table.nr_rows, (unsigned long long)a->all_others);
}

static void clear(struct eu_aggregate *a) {
    a->events = a->printed_events = a->other_count = 0;
    if (a->top) {
        eu_top_clear(a->top);
        return;
    }
    eu_rows_clear(&a->table);
    memset(a->other, 0, sizeof(*a->other) + eu_stats_size(a));
}

void eu_aggregate_lost(struct eu_aggregate *a, uint64_t lost) {
    a->lost = lost;
}

void eu_aggregate_forget_header(struct eu_aggregate *a) {
    a->has_header = 0;
}

int eu_aggregate_print(struct eu_aggregate *a, struct eu_out *out, const char *time, size_t time_size, int is_last) {
    int is_new = a->events != a->printed_events, is_first = is_last && !a->has_printed;
    if (is_last ? is_new || is_first : a->is_live || a->events) {
        eu_aggregate_show(a, out, time, time_size);
        a->has_printed = a->has_header = 1;
        a->printed_events = a->events;
    }
    a->all_others += is_last || a->clear ? a->other_count : 0;
    if (is_last && a->all_others)
        tell(a);
    if (a->clear)
        clear(a);
    return out->failed ? -ENOMEM : 0;
}
