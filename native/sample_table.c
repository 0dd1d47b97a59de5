/* Sampled maps as tables. */
#define _GNU_SOURCE
#include "decoders.h"
#include "number.h"
#include "sample_parts.h"
#include "table.h"
#include <stdio.h>
#include <stdlib.h>

enum { CELL_LIMIT = 256, AHEAD = 16 };

struct column {
    struct eu_field field;
    int is_cpu, is_absent, is_plain; /* plain: an integer without a decoder */
};

struct columns {
    struct column *at;
    size_t count, room;
    struct eu_table *table;
};

static int is_number(const struct eu_plan_type *type) {
    return type->kind == EU_UINT || type->kind == EU_INT || type->kind == EU_FLOAT || type->kind == EU_POINTER;
}

static int is_right(const struct eu_sample *s, const struct column *column) {
    int decoder = s->show.format.raw_values ? 0 : column->field.decoder;
    int is_word = decoder && !eu_decoder_is_quantity(decoder);
    return column->is_cpu || (!column->is_absent && is_number(type_at(s, column->field.type)) && !is_word);
}

static void add_column(const struct eu_sample *s, struct columns *c, const char *name, struct column column) {
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 16;
        struct column *larger = realloc(c->at, room * sizeof(*larger));
        if (!larger) {
            c->table->failed = 1;
            return;
        }
        c->at = larger;
        c->room = room;
    }
    const struct eu_plan_type *type = type_at(s, column.field.type);
    int is_integer = (type->kind == EU_INT || type->kind == EU_UINT) && type->size <= 8;
    column.is_plain = is_integer && !column.field.bit_size && !column.field.decoder && !column.is_cpu && !column.is_absent;
    c->at[c->count++] = column;
    eu_table_column(c->table, name, is_right(s, &column));
}

static void add_columns(const struct eu_sample *s, struct columns *c, uint32_t index, uint32_t offset, int in_value, int outermost) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = type_at(s, index);
    struct column column = {.field = {.type = index, .offset = offset, .decoder = type->decoder, .in_value = (uint8_t)in_value}};
    if (type->kind != EU_STRUCT && !(type->kind == EU_UNION && !outermost)) {
        add_column(s, c, in_value ? is_number(type) ? "count" : "value" : "key", column);
        return;
    }
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        const struct eu_plan_type *of = &plan->types[member->type];
        uint32_t at = offset + member->bit_offset / 8;
        if (!member->name) {
            if (of->kind == EU_STRUCT || of->kind == EU_UNION)
                add_columns(s, c, member->type, at, in_value, 0);
            continue;
        }
        column.field = (struct eu_field){.type = member->type,
                                         .offset = at,
                                         .bit_offset = member->bit_offset % 8,
                                         .bit_size = member->bit_size,
                                         .decoder = member->decoder ? member->decoder : of->decoder,
                                         .in_value = (uint8_t)in_value};
        add_column(s, c, plan_string(plan, member->name), column);
    }
}

/* The columns of --fields; one that only other maps have stays empty. */
static void add_listed(const struct eu_sample *s, struct columns *c, const char *list) {
    const char *path;
    size_t size;
    while ((path = eu_next_path(&list, &size))) {
        struct column column = {.is_absent = 0};
        char name[CELL_LIMIT];
        snprintf(name, sizeof(name), "%.*s", (int)(size < sizeof(name) ? size : sizeof(name) - 1), path);
        if (!eu_field_find_sample(s->show.plan, s->source, path, size, &column.field)) {
            column.is_cpu = s->cpus && s->show.format.per_cpu && !strcmp(name, "cpu");
            column.is_absent = !column.is_cpu;
        }
        add_column(s, c, name, column);
    }
}

static void choose_columns(const struct eu_sample *s, struct columns *c) {
    const char *list = s->show.format.fields;
    if (list && *list) {
        add_listed(s, c, list);
        return;
    }
    add_columns(s, c, s->source->key_type, 0, 0, 1);
    if (s->cpus && s->show.format.per_cpu)
        add_column(s, c, "cpu", (struct column){.is_cpu = 1});
    add_columns(s, c, s->source->value_type, 0, 1, 1);
}

static void put_value(const struct eu_sample *s, struct eu_out *out, const struct column *c, const struct element *e, int text) {
    const struct eu_field *f = &c->field;
    const struct eu_plan_type *type = type_at(s, f->type);
    const uint8_t *p = (f->in_value ? e->value : e->key) + f->offset;
    if (c->is_plain && text) { /* most columns of large maps */
        char *w = eu_out_room(out, EU_NUMBER_ROOM);
        int64_t value = eu_scalar(type, p);
        if (w)
            out->used = (size_t)((type->kind == EU_INT ? eu_put_i64(w, value) : eu_put_u64(w, (uint64_t)value)) - out->data);
    } else if (c->is_cpu)
        eu_out_format(out, "%d", e->cpu);
    else if (f->bit_size)
        eu_bits_value(&s->show, out, f->type, eu_bits(type, p, f->bit_offset, f->bit_size), f->decoder, text);
    else if (text)
        eu_value_text(&s->show, out, f->type, p, p + type->size, f->decoder);
    else
        eu_value_json(&s->show, out, f->type, p, p + type->size, f->decoder);
}

struct eu_sample_fields {
    struct eu_table names;
    struct columns columns;
};

struct eu_sample_fields *eu_sample_fields_new(const struct eu_sample *s) {
    struct eu_sample_fields *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->columns.table = &f->names;
    choose_columns(s, &f->columns);
    if (!f->names.failed)
        return f;
    eu_sample_fields_free(f);
    return NULL;
}

void eu_sample_fields_free(struct eu_sample_fields *f) {
    if (!f)
        return;
    free(f->columns.at);
    eu_table_free(&f->names);
    free(f);
}

void eu_sample_fields_json(const struct eu_sample *s, const struct eu_sample_fields *f, struct eu_out *out, const struct element *e) {
    int first = 1;
    for (size_t i = 0; i < f->columns.count; i++) {
        const char *name = f->names.columns[i].name;
        if (f->columns.at[i].is_absent)
            continue;
        if (!first)
            eu_out_char(out, ',');
        first = 0;
        eu_quoted(out, name, strlen(name));
        eu_out_char(out, ':');
        put_value(s, out, &f->columns.at[i], e, 0);
    }
}

/* The line above a block: its time, a blank one between blocks without, and the map's name. */
static void title(const struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    size_t count = s->nr_elements + s->hidden;
    if (time_size || s->is_live) {
        eu_out_put(out, time, time_size);
        if (s->is_live)
            eu_out_format(out, "%s%zu element%s", time_size ? "  " : "", count, count == 1 ? "" : "s");
        eu_out_char(out, '\n');
    } else if (s->headed) {
        eu_out_char(out, '\n');
    }
    if (s->named)
        eu_out_format(out, "%s\n", s->info.name);
}

static void text_table(struct eu_sample *s, struct eu_table *table, struct eu_out *out, const char *time, size_t time_size) {
    struct eu_out block = {0}, *to = s->is_live ? &block : out;
    title(s, to, time, time_size);
    eu_table_text(table, to, s->show.format.header);
    if (s->hidden)
        eu_out_format(to, "and %zu more\n", s->hidden);
    if (s->is_live)
        eu_live_draw(&s->live, out, block.data, block.used);
    out->failed |= block.failed;
    eu_out_free(&block);
}

void eu_sample_table(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    struct eu_table table = {0};
    struct columns columns = {.table = &table};
    int csv = s->show.format.format == 4;
    if (csv && s->several)
        eu_table_column(&table, "map", 0);
    choose_columns(s, &columns);
    for (size_t i = 0; i < s->nr_elements && !table.failed; i++) {
        if (i + AHEAD < s->nr_elements) { /* in the order of a large map's rows each would be waited for */
            __builtin_prefetch(s->elements[i + AHEAD].key);
            __builtin_prefetch(s->elements[i + AHEAD].value);
        }
        if (csv && s->several) {
            eu_out_text(&table.cells, s->info.name);
            eu_table_cell(&table);
        }
        for (size_t c = 0; c < columns.count; c++) {
            if (!columns.at[c].is_absent)
                put_value(s, &table.cells, &columns.at[c], &s->elements[i], 1);
            else if (!csv)
                eu_out_char(&table.cells, '-');
            eu_table_cell(&table);
        }
    }
    if (csv)
        eu_table_csv(&table, out, s->show.format.header && !s->headed, time, time_size);
    else
        text_table(s, &table, out, time, time_size);
    s->headed = 1;
    free(columns.at);
    eu_table_free(&table);
}

static void upper_name(char *out, size_t room, const char *name) {
    size_t i = 0;
    for (; name[i] && i + 1 < room; i++)
        out[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i] < 32 || name[i] > 126 ? '?' : name[i]);
    out[i] = 0;
}

static void compatible_names(const struct eu_sample *s, struct eu_out *out, uint32_t index) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = type_at(s, index);
    char name[CELL_LIMIT];
    uint32_t count = type->kind == EU_STRUCT ? type->count : 1;
    for (uint32_t i = 0; i < count; i++) {
        upper_name(name, sizeof(name), plan_string(plan, type->kind == EU_STRUCT ? plan->members[type->first + i].name : type->name));
        eu_out_format(out, "%-6s ", name);
    }
}

void eu_sample_compatible_table(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    if (!s->headed) {
        eu_out_text(out, "TIME     ");
        compatible_names(s, out, s->source->key_type);
        compatible_names(s, out, s->source->value_type);
        eu_out_char(out, '\n');
        s->headed = 1;
    }
    for (size_t i = 0; i < s->nr_elements; i++) {
        eu_out_put(out, time, time_size);
        eu_element_json(&s->show, out, s->source->key_type, s->elements[i].key);
        eu_out_char(out, ' ');
        eu_element_json(&s->show, out, s->source->value_type, s->elements[i].value);
        eu_out_char(out, '\n');
    }
}
