/* A record type becomes a list of operations: constant bytes (key and punctuation, or a column to pad to), then one value. */
#include "layout.h"
#include "decoders.h"
#include "number.h"
#include "text.h"
#include <errno.h>
#include <stdlib.h>

static struct op *add(struct layout *l, int code) {
    if (l->nr_ops == l->room_ops) {
        size_t wanted = l->room_ops ? 2 * l->room_ops : 16;
        struct op *larger = realloc(l->ops, wanted * sizeof(*larger));
        if (!larger) {
            l->pending.failed = 1;
            return NULL;
        }
        l->ops = larger;
        l->room_ops = wanted;
    }
    struct op *op = &l->ops[l->nr_ops++];
    memset(op, 0, sizeof(*op));
    op->code = (uint8_t)code;
    l->bound += PREFIX + PAD;
    return op;
}

/* Put what is pending before the next value; more than fits becomes operations of its own. */
static struct op *add_value(struct layout *l, int code) {
    size_t done = 0;
    while (l->pending.used - done > PREFIX) {
        struct op *op = add(l, LITERAL);
        if (!op)
            return NULL;
        memcpy(op->prefix, l->pending.data + done, PREFIX);
        op->prefix_size = PREFIX;
        done += PREFIX;
    }
    struct op *op = add(l, code);
    if (!op)
        return NULL;
    op->prefix_size = (uint8_t)(l->pending.used - done);
    if (op->prefix_size)
        memcpy(op->prefix, l->pending.data + done, op->prefix_size);
    l->pending.used = 0;
    return op;
}

/* Which operation shows a plain member; VALUE where only the general way does. */
static int code_of(const struct eu_view *v, const struct eu_plan_type *type, int decoder) {
    static const uint8_t widths[9] = {[1] = 0, [2] = 1, [4] = 2, [8] = 3};
    int text = !v->json, compat = v->show.format.compat;
    if (has_decoder(v, decoder ? decoder : type->decoder))
        return VALUE;
    switch (type->kind) {
    case EU_UINT:
    case EU_INT:
        if ((type->size != 1 && type->size != 2 && type->size != 4 && type->size != 8) ||
            (v->show.format.big_ints && v->json && type->size == 8))
            return type->size > 8 ? VALUE : NUMBER;
        return (type->kind == EU_INT ? S8 : U8) + widths[type->size];
    case EU_BOOL:
        return type->size == 1 ? BOOL : NUMBER;
    case EU_FLOAT:
        return type->size == 4 ? FLOAT32 : type->size == 8 ? FLOAT64 : VALUE;
    case EU_POINTER:
        return type->size == 8 && (!text || compat) && !(v->show.format.big_ints && v->json) ? U64 : NUMBER;
    case EU_ENUM:
        return NUMBER;
    case EU_STRING:
        return type->size && type->size <= 4096 ? (text ? TEXT : STRING) : VALUE;
    }
    return VALUE;
}

static size_t longest_name(const struct eu_plan *plan, const struct eu_plan_type *type) {
    size_t longest = 0;
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        size_t size = strlen(plan_string(plan, plan->values[i].name));
        longest = size > longest ? size : longest;
    }
    return longest;
}

/* Bytes that one operation can write beyond its prefix. */
static size_t bound_of(const struct eu_view *v, int code, const struct eu_plan_type *type) {
    if (code == STRING || code == TEXT)
        return (size_t)type->size * (code == TEXT ? EU_TEXT_GROWTH : EU_JSON_GROWTH) + EU_STRING_SLACK;
    (void)v;
    return EU_NUMBER_ROOM;
}

static void value_op(struct eu_view *v, struct layout *l, uint32_t type_index, uint32_t offset, int decoder) {
    const struct eu_plan_type *type = &v->show.plan->types[type_index];
    int code = code_of(v, type, decoder);
    if (code == STRING)
        eu_out_char(&l->pending, '"');
    struct op *op = add_value(l, code);
    if (!op)
        return;
    op->offset = offset;
    op->size = type->size;
    op->type = type_index;
    op->decoder = (uint16_t)(decoder ? decoder : type->decoder);
    l->bound += bound_of(v, code, type);
    if (code == STRING)
        eu_out_char(&l->pending, '"');
}

static void bits_op(struct eu_view *v, struct layout *l, const struct eu_plan_member *member, uint32_t offset) {
    struct op *op = add_value(l, BITS);
    (void)v;
    if (!op)
        return;
    op->offset = offset + member->bit_offset / 8;
    op->bit_offset = member->bit_offset % 8;
    op->bit_size = (uint8_t)member->bit_size;
    op->type = member->type;
}

static void key(struct layout *l, const char *name, int *first) {
    if (!*first)
        eu_out_char(&l->pending, ',');
    *first = 0;
    eu_quoted(&l->pending, name, strlen(name));
    eu_out_char(&l->pending, ':');
}

static void json_struct(struct eu_view *v, struct layout *l, uint32_t type_index, uint32_t offset, int *first);

static void json_member(struct eu_view *v, struct layout *l, const struct eu_plan_member *member, uint32_t offset, int *first) {
    const struct eu_plan *plan = v->show.plan;
    const struct eu_plan_type *type = &plan->types[member->type];
    int is_object = type->kind == EU_STRUCT || type->kind == EU_UNION;
    if (!member->name && !v->show.format.compat) {
        if (is_object)
            json_struct(v, l, member->type, offset + member->bit_offset / 8, first);
        return;
    }
    key(l, plan_string(plan, member->name), first);
    if (member->bit_size) {
        bits_op(v, l, member, offset);
    } else if (is_object && !v->show.format.compat && l->nr_ops < OPS_LIMIT) {
        int inner = 1;
        eu_out_char(&l->pending, '{');
        json_struct(v, l, member->type, offset + member->bit_offset / 8, &inner);
        eu_out_char(&l->pending, '}');
    } else {
        value_op(v, l, member->type, offset + member->bit_offset / 8, member->decoder);
    }
}

static void json_struct(struct eu_view *v, struct layout *l, uint32_t type_index, uint32_t offset, int *first) {
    const struct eu_plan *plan = v->show.plan;
    const struct eu_plan_type *type = &plan->types[type_index];
    uint32_t *order = malloc((type->count + 1) * sizeof(*order));
    if (!order) {
        l->pending.failed = 1;
        return;
    }
    if (v->show.format.compat)
        eu_sorted_members(plan, type, order);
    else
        for (uint32_t i = 0; i < type->count; i++)
            order[i] = type->first + i;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct eu_plan_member *member = &plan->members[order[i]];
        if (v->show.format.compat && !member->name) /* the first system leaves anonymous members of an event out */
            continue;
        json_member(v, l, member, offset, first);
    }
    free(order);
}

static void json_layout(struct eu_view *v, struct layout *l, const char *type_name) {
    const struct eu_plan_type *type = &v->show.plan->types[l->type];
    int first = 1;
    if (type_name) {
        key(l, "type", &first);
        eu_quoted(&l->pending, type_name, strlen(type_name));
    }
    if (l->is_object) {
        json_struct(v, l, l->type, 0, &first);
    } else {
        key(l, v->show.format.compat ? "" : "value", &first);
        value_op(v, l, l->type, 0, 0);
    }
    (void)type;
    eu_out_text(&l->pending, first ? "}" : "}\n");
}

static size_t time_width(const struct eu_format *format) {
    static const size_t widths[] = {0, 8, 11, 27};
    return format->compat ? 8 : format->time > 0 && format->time < 4 ? widths[format->time] : 0;
}

/* Columns a value takes as a rule; a longer one pushes what follows, until a later column has room again. */
static size_t width_of(const struct eu_view *v, const struct eu_plan_type *type, const struct eu_plan_member *member) {
    const struct eu_plan *plan = v->show.plan;
    int decoder = member && member->decoder ? member->decoder : type->decoder;
    const char *name = member ? plan_string(plan, member->name) : "";
    size_t size = strlen(name), width = 0;
    if (has_decoder(v, decoder) && decoder == EU_HEX)
        return 2 + 2 * (size_t)type->size;
    if (has_decoder(v, decoder) && (width = eu_decoder_width(decoder)))
        return width;
    if (member && member->bit_size && type->kind != EU_ENUM && type->kind != EU_BOOL)
        return member->bit_size * 3 / 10 + 1;
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

static size_t count_columns(const struct eu_view *v, const struct eu_plan_type *type) {
    const struct eu_plan *plan = v->show.plan;
    size_t count = 0;
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        const struct eu_plan_type *of = &plan->types[member->type];
        if (member->name)
            count++;
        else if (!v->show.format.compat && (of->kind == EU_STRUCT || of->kind == EU_UNION))
            count += count_columns(v, of);
    }
    return count;
}

static void text_struct(struct eu_view *v, struct layout *l, uint32_t type_index, uint32_t offset, size_t *left) {
    const struct eu_plan *plan = v->show.plan;
    const struct eu_plan_type *type = &plan->types[type_index];
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        const struct eu_plan_type *of = &plan->types[member->type];
        if (!member->name) {
            if (!v->show.format.compat && (of->kind == EU_STRUCT || of->kind == EU_UNION))
                text_struct(v, l, member->type, offset + member->bit_offset / 8, left);
            continue;
        }
        size_t start = column(v, l, plan_string(plan, member->name), width_of(v, of, member), --*left == 0);
        size_t before = l->nr_ops;
        if (member->bit_size)
            bits_op(v, l, member, offset);
        else
            value_op(v, l, member->type, offset + member->bit_offset / 8, member->decoder);
        if (l->nr_ops > before)
            set_column(&l->ops[before], start);
    }
}

static void text_layout(struct eu_view *v, struct layout *l, const char *type_name, size_t name_width) {
    const struct eu_plan_type *type = &v->show.plan->types[l->type];
    size_t width = time_width(&v->show.format);
    if (width) {
        eu_out_text(&l->header, "TIME");
        eu_out_pad(&l->header, (long)width - 4 + 1);
    }
    if (type_name) {
        size_t start = column(v, l, "event", name_width, 0), size = strlen(type_name);
        eu_out_put(&l->pending, type_name, size > PREFIX ? PREFIX : size);
        set_column(add_value(l, LITERAL), start);
    }
    if (l->is_object) {
        size_t left = count_columns(v, type);
        text_struct(v, l, l->type, 0, &left);
    } else {
        size_t start = column(v, l, v->show.format.compat ? "" : "value", width_of(v, type, NULL), 1), before = l->nr_ops;
        value_op(v, l, l->type, 0, 0);
        if (l->nr_ops > before)
            set_column(&l->ops[before], start);
    }
    eu_out_char(&l->header, '\n');
}

/* A record may stop within its last member (programs send only the used part of a long array). */
static size_t least_size(const struct eu_plan *plan, const struct eu_plan_type *type) {
    size_t least = 0;
    if (type->kind == EU_STRING || type->kind == EU_ARRAY)
        return type->size > 16;
    if (type->kind != EU_STRUCT || !type->count)
        return type->size;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct eu_plan_member *member = &plan->members[type->first + i];
        const struct eu_plan_type *of = &plan->types[member->type];
        size_t end = member->bit_size ? (member->bit_offset + member->bit_size + 7) / 8 : member->bit_offset / 8 + of->size;
        if (i + 1 == type->count && (of->kind == EU_STRING || of->kind == EU_ARRAY))
            end = member->bit_offset / 8;
        least = end > least ? end : least;
    }
    return least;
}

int eu_layout_make(struct eu_view *v, struct layout *l, uint32_t type_index, const char *type_name, size_t name_width) {
    const struct eu_plan *plan = v->show.plan;
    const struct eu_plan_type *type = &plan->types[type_index];
    l->type = type_index;
    l->size = type->size;
    l->min_size = least_size(plan, type);
    l->is_object = type->kind == EU_STRUCT || type->kind == EU_UNION;
    l->has_ts = plan_member(plan, type_index, "ts") >= 0;
    l->bound = 64; /* time, quotes, line end */
    if (v->json)
        json_layout(v, l, type_name);
    else
        text_layout(v, l, type_name, name_width);
    if (v->json && l->pending.used && l->pending.data[l->pending.used - 1] != '\n')
        eu_out_char(&l->pending, '\n');
    l->bound += l->pending.used + PREFIX;
    return l->pending.failed || l->header.failed ? -ENOMEM : 0;
}
