/* Sampling: a map is read whole, in batches; what vanishes meanwhile is simply not there. */
#define _GNU_SOURCE
#include "error.h"
#include "sample_parts.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>

enum { BATCH = 4096, BATCH_BYTES = 64 << 20, KEEP = 1 << 20 };

/* Whether its tables may be redrawn in place: rows are asked for, and no lines of events come in between. */
static int may_be_live(const struct eu_plan *plan, const struct eu_plan_source *source, const struct eu_run_options *options) {
    for (uint32_t i = 0; i < plan->header.nr_sources; i++)
        if (plan->sources[i].kind != EU_SAMPLE)
            return 0;
    return options->live && options->top && !options->format.format && source->style == EU_PLAIN;
}

static int by_options(struct eu_sample *s, const struct eu_run_options *options) {
    if (s->show.format.format == 4 && s->source->style == EU_STACKS)
        return eu_fail(EINVAL, "--format csv: map %s has stack traces [text, json or --folded]", s->info.name);
    s->clear = options->clear >= 0 ? options->clear : s->source->flags & EU_CLEAR && !s->show.format.compat;
    s->top = s->source->style == EU_PLAIN || s->source->style == EU_STACKS ? options->top : 0;
    s->may_be_live = may_be_live(s->show.plan, s->source, options);
    s->live.fd = options->out_fd;
    eu_sample_order_by(s, options->sort);
    return 0;
}

struct eu_sample *eu_sample_open(struct eu_object *object, const struct eu_plan *plan, int source, const struct eu_run_options *options,
                                 const struct eu_filter *filter) {
    struct eu_sample *s = calloc(1, sizeof(*s));
    if (!s)
        return eu_fail_null(ENOMEM, "sample map: out of memory");
    s->object = object;
    s->source = &plan->sources[source];
    s->index = source;
    s->filter = filter;
    s->show = (struct eu_show){.plan = plan, .format = options->format};
    for (uint32_t i = 0, sampled = 0; i < plan->header.nr_sources; i++)
        if (plan->sources[i].kind == EU_SAMPLE && ++sampled > 1)
            s->several = 1;
    const char *name = plan_string(plan, s->source->map);
    s->map = object ? eu_map_find(object, name) : -1;
    if (!object)
        s->info = (struct eu_map_info){
            .name = name, .key_size = type_at(s, s->source->key_type)->size, .value_size = type_at(s, s->source->value_type)->size};
    else if (s->map < 0 || eu_map_get(object, s->map, &s->info))
        goto fail;
    eu_sample_shape(s, s->info.type, (uint32_t)eu_possible_cpus());
    if (type_at(s, s->source->key_type)->size != s->info.key_size || type_at(s, s->source->value_type)->size != s->info.value_size) {
        eu_fail(EINVAL, "sample map %s: key %u and value %u bytes, the plan says %u and %u", name, s->info.key_size, s->info.value_size,
                type_at(s, s->source->key_type)->size, type_at(s, s->source->value_type)->size);
        goto fail;
    }
    if (by_options(s, options))
        goto fail;
    if (s->source->style == EU_STACKS) {
        s->stacks = eu_stacks_new(&s->show, s->source);
        if (!s->stacks)
            goto fail;
        if (object)
            eu_stacks_use(s->stacks, object);
    }
    return s;
fail:
    eu_sample_close(s);
    return NULL;
}

void eu_sample_close(struct eu_sample *s) {
    if (!s)
        return;
    eu_stacks_free(s->stacks);
    free(s->keys);
    free(s->values);
    free(s->sums);
    free(s->elements);
    free(s);
}

int eu_sample_room(struct eu_sample *s, size_t wanted) {
    size_t room = s->room_keys ? 2 * s->room_keys : 256;
    if (wanted <= s->room_keys)
        return 0;
    while (room < wanted)
        room *= 2;
    uint8_t *keys = realloc(s->keys, room * s->info.key_size + 1);
    if (keys)
        s->keys = keys;
    uint8_t *values = keys ? realloc(s->values, room * s->stride + 1) : NULL;
    if (values)
        s->values = values;
    uint8_t *sums = values && s->cpus ? realloc(s->sums, room * s->info.value_size + 1) : s->sums;
    if (!values || (s->cpus && !sums))
        return eu_fail(ENOMEM, "sample map %s: out of memory", s->info.name);
    s->sums = sums;
    s->room_keys = room;
    return 0;
}

static int read_map(struct eu_sample *s) {
    size_t cursor_size = s->info.key_size < 16 ? 16 : s->info.key_size;
    uint8_t *cursor = calloc(1, cursor_size);
    int done = 0, first = 1, err = cursor ? 0 : eu_fail(ENOMEM, "sample map %s: out of memory", s->info.name);
    uint32_t batch = s->info.max_entries < BATCH ? s->info.max_entries + 1 : BATCH;
    if (batch > BATCH_BYTES / (s->stride + 1))
        batch = (uint32_t)(BATCH_BYTES / (s->stride + 1)) + 1;
    s->nr_keys = 0;
    /* where keys come and go, reading one by one may start again and again: twice the map is enough */
    while (!done && !err && s->nr_keys / 2 <= s->info.max_entries) {
        err = eu_sample_room(s, s->nr_keys + batch);
        if (err)
            break;
        long got = eu_map_read_batch(s->object, s->map, cursor, first, s->keys + s->nr_keys * s->info.key_size,
                                     s->values + s->nr_keys * s->stride, batch, &done);
        if (got == -ENOSPC && batch < 1u << 24) { /* one bucket holds more than a batch */
            batch *= 2;
            continue;
        }
        first = 0;
        if (got < 0)
            err = (int)got;
        else
            s->nr_keys += (size_t)got;
    }
    free(cursor);
    return err;
}

static int is_zero(const uint8_t *p, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (p[i])
            return 0;
    return 1;
}

/* Add a CPU's value to the sum: numbers are added; of strings, enums and pointers the first that is not zero stays. */
static void add_value(const struct eu_plan *plan, uint32_t index, uint8_t *sum, const uint8_t *value) {
    const struct eu_plan_type *type = &plan->types[index];
    if (type->kind == EU_ARRAY) {
        uint32_t size = plan->types[type->first].size;
        for (uint32_t i = 0; i < type->count; i++)
            add_value(plan, type->first, sum + (size_t)i * size, value + (size_t)i * size);
    } else if (type->kind == EU_STRUCT) {
        for (uint32_t i = type->first; i < type->first + type->count; i++)
            if (!plan->members[i].bit_size)
                add_value(plan, plan->members[i].type, sum + plan->members[i].bit_offset / 8, value + plan->members[i].bit_offset / 8);
    } else if (type->kind == EU_UINT || type->kind == EU_INT) {
        unsigned __int128 a = 0, b = 0;
        memcpy(&a, sum, type->size);
        memcpy(&b, value, type->size);
        a += b;
        memcpy(sum, &a, type->size);
    } else if (type->kind == EU_FLOAT && type->size == 8) {
        double a, b;
        memcpy(&a, sum, 8);
        memcpy(&b, value, 8);
        a += b;
        memcpy(sum, &a, 8);
    } else if (is_zero(sum, type->size)) {
        memcpy(sum, value, type->size);
    }
}

static int add_element(struct eu_sample *s, const uint8_t *key, const uint8_t *value, int cpu) {
    if (s->filter && !eu_filter_pass(s->filter, s->index, 0, key, s->info.key_size, value)) {
        s->filtered++;
        return 0;
    }
    if (s->nr_elements == s->room_elements) {
        size_t room = s->room_elements ? 2 * s->room_elements : 256;
        struct element *larger = realloc(s->elements, room * sizeof(*larger));
        if (!larger)
            return eu_fail(ENOMEM, "sample map %s: out of memory", s->info.name);
        s->elements = larger;
        s->room_elements = room;
    }
    s->elements[s->nr_elements++] = (struct element){.key = key, .value = value, .cpu = cpu};
    return 0;
}

/* What was read as elements to show: per-CPU values added up or apart, empty array slots left out. */
static int make_elements(struct eu_sample *s) {
    size_t size = s->info.value_size, step = (size + 7) / 8 * 8;
    int skip = s->is_array && !s->show.format.compat, err = 0;
    s->nr_elements = 0;
    for (size_t i = 0; i < s->nr_keys && !err; i++) {
        const uint8_t *key = s->keys + i * s->info.key_size, *value = s->values + i * s->stride;
        if (s->cpus && s->show.format.per_cpu) {
            for (int cpu = 0; cpu < s->cpus && !err; cpu++, value += step)
                if (!is_zero(value, size))
                    err = add_element(s, key, value, cpu);
            continue;
        }
        if (s->cpus) {
            uint8_t *sum = s->sums + i * size;
            memcpy(sum, value, size);
            for (int cpu = 1; cpu < s->cpus; cpu++)
                add_value(s->show.plan, s->source->value_type, sum, value + step * (size_t)cpu);
            value = sum;
        }
        if (!skip || !is_zero(value, size))
            err = add_element(s, key, value, -1);
    }
    return err;
}

static void clear(struct eu_sample *s) {
    uint8_t *zero = s->is_array ? calloc(1, s->stride + 1) : NULL;
    for (size_t i = 0; i < s->nr_keys; i++) {
        const uint8_t *key = s->keys + i * s->info.key_size;
        if (!s->is_array)
            eu_map_delete(s->object, s->map, key); /* already gone: fine */
        else if (zero && !is_zero(s->values + i * s->stride, s->stride))
            eu_map_update(s->object, s->map, key, zero, 0);
    }
    free(zero);
}

static void json_name(struct eu_out *out, const char *key, const char *name) {
    eu_out_format(out, "\"%s\":", key);
    eu_quoted(out, name, strlen(name));
    eu_out_char(out, ',');
}

static void json_element(struct eu_sample *s, struct eu_out *out, const struct element *e) {
    eu_out_text(out, "\"key\":");
    eu_element_json(&s->show, out, s->source->key_type, e->key);
    if (e->cpu >= 0)
        eu_out_format(out, ",\"cpu\":%d", e->cpu);
    eu_out_text(out, ",\"value\":");
    eu_element_json(&s->show, out, s->source->value_type, e->value);
}

/* JSON: one line for each element. */
static void json_lines(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    const struct eu_format *format = &s->show.format;
    int is_histogram = s->source->style == EU_LOG2_HIST || s->source->style == EU_LINEAR_HIST;
    const char *unit = is_histogram ? plan_string(s->show.plan, s->source->unit) : "";
    int has_fields = format->fields && *format->fields && !format->compat;
    struct eu_sample_fields *fields = has_fields ? eu_sample_fields_new(s) : NULL;
    out->failed |= has_fields && !fields;
    for (size_t i = 0; i < s->nr_elements && !out->failed; i++) {
        eu_out_char(out, '{');
        if (time_size)
            eu_out_format(out, "\"ts\":%.*s,", (int)time_size, time);
        if (s->several && !format->compat)
            json_name(out, "map", s->info.name);
        if (*unit && !format->compat)
            json_name(out, "unit", unit);
        if (fields)
            eu_sample_fields_json(s, fields, out, &s->elements[i]);
        else
            json_element(s, out, &s->elements[i]);
        eu_out_text(out, "}\n");
    }
    eu_sample_fields_free(fields);
}

static int traces(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    for (size_t i = s->nr_elements; i-- > 0;) { /* the largest last, where a terminal shows it */
        int err =
            eu_stacks_show(s->stacks, out, time, time_size, s->elements[i].key, s->info.key_size, s->elements[i].value, s->info.value_size);
        if (err < 0)
            return err;
    }
    if (s->object) /* a replay gathers over all readings */
        eu_stacks_finish(s->stacks, out);
    return 0;
}

static void raw(struct eu_sample *s, struct eu_out *out) {
    for (size_t i = 0; i < s->nr_elements; i++) {
        eu_out_put(out, s->elements[i].key, s->info.key_size);
        eu_out_put(out, s->elements[i].value, s->info.value_size);
    }
}

int eu_sample_seen(const struct eu_sample *s) {
    return s->seen;
}

void eu_sample_forget_header(struct eu_sample *s) {
    s->headed = 0;
}

uint64_t eu_sample_filtered(const struct eu_sample *s) {
    return s->filtered;
}

/* Tables and traces have an order; JSON and raw elements only where one is asked for, histograms one of their own. */
static int arrange(struct eu_sample *s) {
    int form = s->show.format.format, is_table = s->source->style == EU_PLAIN && !s->show.format.compat && (form == 0 || form == 4);
    size_t limit = s->top && s->top < SIZE_MAX ? (size_t)s->top : SIZE_MAX;
    s->hidden = 0;
    if (s->is_live) {
        size_t room = (size_t)eu_live_room(&s->live);
        room = room > 4 ? room - 3 : 1; /* title, header, "and N more" */
        limit = limit < room ? limit : room;
    }
    return is_table || s->stacks || s->is_sorted || s->top ? eu_sample_arrange(s, limit) : 0;
}

static int show(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    int format = s->show.format.format, err = arrange(s);
    if (err)
        return err;
    if (format == 2)
        raw(s, out);
    else if (s->stacks)
        err = traces(s, out, time, time_size);
    else if (format == 1)
        json_lines(s, out, time, time_size);
    else if (s->source->style == EU_PLAIN && s->show.format.compat)
        eu_sample_compatible_table(s, out, time, time_size);
    else if (s->source->style == EU_PLAIN || format == 4)
        eu_sample_table(s, out, time, time_size);
    else
        err = eu_sample_histograms(s, out, time, time_size);
    return err;
}

/* Of several maps only those that hold something are shown; an empty table only in the place of one that was not. */
static int is_nothing(struct eu_sample *s, int named) {
    s->named = named;
    s->is_live = s->may_be_live && !named; /* of several maps only one is filled, as a rule */
    s->seen |= s->nr_elements > 0;
    if (s->nr_elements || (s->is_live && s->seen) || s->show.format.compat)
        return 0;
    return s->several || !s->stacks;
}

/* A large map's copy is not kept between intervals. */
static void forget_large(struct eu_sample *s) {
    if (s->room_keys * s->stride <= KEEP)
        return;
    free(s->keys);
    free(s->values);
    free(s->sums);
    free(s->elements);
    s->keys = s->values = s->sums = NULL;
    s->elements = NULL;
    s->nr_keys = s->room_keys = s->nr_elements = s->room_elements = 0;
}

long eu_sample_print(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size, int named) {
    int err = s->object ? read_map(s) : 0;
    if (!err)
        err = make_elements(s);
    if (!err && !is_nothing(s, named)) {
        err = s->is_silent ? 0 : show(s, out, time, time_size);
        if (!err)
            err = eu_sample_kept(s);
    }
    if (err)
        return err;
    if (s->clear && s->object) /* also where a filter let none through: the next interval begins at 0 */
        clear(s);
    long shown = (long)s->nr_elements;
    forget_large(s);
    return shown;
}
