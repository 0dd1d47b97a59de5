/* Columns of text: what their header says, how wide they are as a rule, and where each value is padded to. */
#include "decoders.h"
#include "layout.h"
#include "text.h"

static size_t longest_name(const struct eu_plan *plan, const struct eu_plan_type *type) {
    size_t longest = 0;
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        size_t size = strlen(plan_string(plan, plan->values[i].name));
        longest = size > longest ? size : longest;
    }
    return longest;
}

static size_t time_width(const struct eu_format *format) {
    static const size_t widths[] = {0, 8, 11, 27};
    return format->compat ? 8 : format->time > 0 && format->time < 4 ? widths[format->time] : 0;
}

/* Columns a value takes as a rule; a longer one pushes what follows, until a later column has room again. */
static size_t width_of(const struct eu_view *v, const struct eu_field *field) {
    const struct eu_plan *plan = v->show.plan;
    const struct eu_plan_type *type = &plan->types[field->type];
    const char *name = field->name;
    size_t size = strlen(name), width = 0;
    if (has_decoder(v, field->decoder) && field->decoder == EU_HEX)
        return 2 + 2 * (size_t)type->size;
    if (has_decoder(v, field->decoder) && (width = eu_decoder_width(field->decoder)))
        return width;
    if (field->bit_size && type->kind != EU_ENUM && type->kind != EU_BOOL)
        return field->bit_size * 3 / 10 + 1;
    switch (type->kind) {
    case EU_UINT:
    case EU_INT:
        if (type->size == 4) /* ids rarely need more, sums may */
            return type->kind == EU_INT || (size >= 2 && !strcmp(name + size - 2, "id")) || !strcmp(name, "cpu") ? 7 : 10;
        return (type->size == 1 ? 3 : type->size == 2 ? 5 : 16) + (type->kind == EU_INT && type->size < 4);
    case EU_BOOL:
        return 5;
    case EU_FLOAT:
        return 12;
    case EU_POINTER:
        return 18;
    case EU_STRING:
        return type->size && type->size <= WIDEST_COLUMN ? type->size : WIDEST_COLUMN;
    case EU_ENUM:
        width = longest_name(plan, type);
        return width > 24 ? 24 : width;
    }
    return 16;
}

static void upper(struct eu_out *out, const char *name) {
    size_t start = out->used, hidden = 0;
    char *w = eu_out_room(out, strlen(name) * EU_TEXT_GROWTH + EU_STRING_SLACK);
    if (!w)
        return;
    out->used = eu_text_string(w, (const uint8_t *)name, strlen(name), &hidden) - out->data;
    for (size_t i = start; i < out->used; i++)
        if (out->data[i] >= 'a' && out->data[i] <= 'z')
            out->data[i] -= 'a' - 'A';
}

/* Begin a column: its name in the header, and where values of it are padded to. */
static size_t column(struct eu_view *v, struct layout *l, const char *name, size_t width, int last) {
    size_t start = l->header.used;
    if (v->show.format.compat)
        width = 6;
    upper(&l->header, name);
    size_t used = l->header.used - start;
    if (!last || v->show.format.compat)
        eu_out_pad(&l->header, (long)(used < width ? width - used : 0) + 1);
    return start;
}

static void set_column(struct op *op, size_t start) {
    if (!op)
        return;
    op->column_set = 1;
    op->column = (uint16_t)(start > UINT16_MAX ? UINT16_MAX : start);
}

static void text_column(struct eu_view *v, struct layout *l, const struct eu_columns *columns, size_t i) {
    const struct eu_column *c = &columns->at[i];
    const char *title = eu_column_title(columns, i);
    if (v->show.format.compat && !l->is_object)
        title = "";
    size_t start = column(v, l, title, c->is_absent ? 1 : width_of(v, &c->field), i + 1 == columns->count), before = l->nr_ops;
    if (c->is_absent) { /* something must stand there, for programs that split at blanks */
        eu_out_char(&l->pending, '-');
        eu_layout_add(l, LITERAL);
    } else {
        eu_layout_value(v, l, &c->field);
    }
    if (l->nr_ops > before)
        set_column(&l->ops[before], start);
}

void eu_layout_text(struct eu_view *v, struct layout *l, const char *type_name, size_t name_width) {
    struct eu_columns columns = {0};
    size_t width = time_width(&v->show.format);
    if (width) {
        eu_out_text(&l->header, "TIME");
        eu_out_pad(&l->header, (long)width - 4 + 1);
    }
    if (type_name) {
        size_t start = column(v, l, v->event_key, name_width, 0), size = strlen(type_name);
        eu_out_put(&l->pending, type_name, size > PREFIX ? PREFIX : size);
        set_column(eu_layout_add(l, LITERAL), start);
    }
    if (v->fields)
        eu_columns_listed(v->show.plan, l->type, v->fields, &columns);
    else
        eu_columns_all(v->show.plan, l->type, v->show.format.compat ? EU_COLUMNS_NAMED : EU_COLUMNS_TOP, &columns);
    for (size_t i = 0; i < columns.count; i++)
        text_column(v, l, &columns, i);
    eu_out_char(&l->header, '\n');
    l->header.failed |= columns.failed;
    eu_columns_free(&columns);
}
