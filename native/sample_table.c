/* Sampled maps as tables. */
#define _GNU_SOURCE
#include "sample_parts.h"
#include <stdlib.h>

enum { CELL_LIMIT = 256 };

struct cell_list {
    struct eu_out text;
    uint32_t *ends;
    size_t count, room;
};

static void end_cell(struct cell_list *c) {
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 1024;
        uint32_t *larger = realloc(c->ends, room * sizeof(*larger));
        if (!larger) {
            c->text.failed = 1;
            return;
        }
        c->ends = larger;
        c->room = room;
    }
    c->ends[c->count++] = (uint32_t)c->text.used;
}

struct column {
    const struct eu_plan_member *member; /* NULL: the whole value, or the CPU */
    uint32_t type, offset;
    const char *name;
    int in_value, is_cpu, right;
    size_t width;
};

struct columns {
    struct column at[64];
    int count;
};

static int is_number(const struct eu_plan_type *type) {
    return type->kind == EU_UINT || type->kind == EU_INT || type->kind == EU_FLOAT || type->kind == EU_POINTER;
}

static void add_column(const struct eu_sample *s, struct columns *c, struct column column) {
    if (c->count < (int)(sizeof(c->at) / sizeof(c->at[0]))) {
        const struct eu_plan_type *type = type_at(s, column.type);
        int decoder = column.member && column.member->decoder ? column.member->decoder : type->decoder;
        int is_word = decoder > EU_HEX && decoder != EU_PORT && decoder != EU_DURATION_NS && decoder != EU_DURATION_US;
        column.right = column.is_cpu || (is_number(type) && (!is_word || s->show.format.raw_values));
        c->at[c->count++] = column;
    }
}

static void add_columns(const struct eu_sample *s, struct columns *c, uint32_t index, uint32_t offset, int in_value, int outermost) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = type_at(s, index);
    if (type->kind != EU_STRUCT && !(type->kind == EU_UNION && !outermost)) {
        add_column(s, c,
                   (struct column){.type = index, .in_value = in_value, .name = in_value ? is_number(type) ? "count" : "value" : "key"});
        return;
    }
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        const struct eu_plan_type *of = &plan->types[member->type];
        if (member->name)
            add_column(s, c,
                       (struct column){.member = member,
                                       .type = member->type,
                                       .offset = offset,
                                       .in_value = in_value,
                                       .name = plan_string(plan, member->name)});
        else if (of->kind == EU_STRUCT || of->kind == EU_UNION)
            add_columns(s, c, member->type, offset + member->bit_offset / 8, in_value, 0);
    }
}

static void put_cell(const struct eu_sample *s, struct eu_out *out, const struct column *c, const struct element *e) {
    const uint8_t *p = (c->in_value ? e->value : e->key) + c->offset;
    if (c->is_cpu)
        eu_out_format(out, "%d", e->cpu);
    else if (c->member)
        eu_member_text(&s->show, out, c->member, p);
    else
        eu_value_text(&s->show, out, c->type, p, p + type_at(s, c->type)->size, 0);
}

static size_t columns_of(const char *text, size_t size) {
    size_t columns = size;
    for (size_t i = 0; i < size; i++)
        columns -= ((uint8_t)text[i] & 0xc0) == 0x80;
    return columns;
}

static void put_padded(struct eu_out *out, const struct column *c, const char *text, size_t size, int last) {
    long missing = (long)c->width - (long)columns_of(text, size);
    if (c->right)
        eu_out_pad(out, missing);
    eu_out_put(out, text, size);
    if (!c->right && !last)
        eu_out_pad(out, missing);
    eu_out_text(out, last ? "\n" : "  ");
}

static void upper_name(char *out, size_t room, const char *name) {
    size_t i = 0;
    for (; name[i] && i + 1 < room; i++)
        out[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i] < 32 || name[i] > 126 ? '?' : name[i]);
    out[i] = 0;
}

void eu_sample_table(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    struct columns columns = {.count = 0};
    struct cell_list cells = {.count = 0};
    char name[CELL_LIMIT];
    eu_sample_sort(s);
    add_columns(s, &columns, s->source->key_type, 0, 0, 1);
    if (s->cpus && s->show.format.per_cpu)
        add_column(s, &columns, (struct column){.type = s->source->key_type, .is_cpu = 1, .name = "cpu"});
    add_columns(s, &columns, s->source->value_type, 0, 1, 1);
    for (int c = 0; c < columns.count; c++)
        columns.at[c].width = strnlen(columns.at[c].name, CELL_LIMIT - 1);
    for (size_t i = 0; i < s->nr_elements; i++)
        for (int c = 0; c < columns.count; c++) {
            size_t start = cells.text.used;
            put_cell(s, &cells.text, &columns.at[c], &s->elements[i]);
            end_cell(&cells);
            size_t width = columns_of(cells.text.data + start, cells.text.used - start);
            if (width > columns.at[c].width)
                columns.at[c].width = width;
        }
    if (time_size) {
        eu_out_put(out, time, time_size);
        eu_out_char(out, '\n');
    } else if (s->headed) {
        eu_out_char(out, '\n');
    }
    s->headed = 1;
    if (s->named)
        eu_out_format(out, "%s\n", s->info.name);
    for (int c = 0; c < columns.count && s->show.format.header; c++) {
        upper_name(name, sizeof(name), columns.at[c].name);
        put_padded(out, &columns.at[c], name, strlen(name), c + 1 == columns.count);
    }
    for (size_t i = 0, start = 0; !cells.text.failed && i < cells.count; start = cells.ends[i++])
        put_padded(out, &columns.at[i % (size_t)columns.count], cells.text.data + start, cells.ends[i] - start,
                   (int)(i % (size_t)columns.count) + 1 == columns.count);
    if (cells.text.failed)
        out->failed = 1;
    eu_out_free(&cells.text);
    free(cells.ends);
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
