/* A record type becomes a list of operations: constant bytes (key and punctuation, or a column to pad to), then one value. */
#include "layout.h"
#include "number.h"
#include "text.h"
#include <errno.h>
#include <stdlib.h>

static int grow(struct layout *l) {
    size_t wanted = l->room_ops ? 2 * l->room_ops : 16;
    struct op *larger = wanted > MOST_OPS ? NULL : realloc(l->ops, wanted * sizeof(*larger));
    if (!larger) {
        l->pending.failed = 1;
        return -ENOMEM;
    }
    l->ops = larger;
    l->room_ops = wanted;
    return 0;
}

static struct op *add(struct layout *l, int code) {
    if (l->nr_ops == l->room_ops && grow(l))
        return NULL;
    struct op *op = &l->ops[l->nr_ops++];
    memset(op, 0, sizeof(*op));
    op->code = (uint8_t)code;
    l->bound += PREFIX + PAD;
    return op;
}

/* Put what is pending before the next value; more than fits becomes operations of its own. */
struct op *eu_layout_add(struct layout *l, int code) {
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
    int json = v->form == FORM_JSON, compat = v->show.format.compat;
    if (has_decoder(v, decoder) && decoder == EU_HEX)
        return (type->kind == EU_UINT || type->kind == EU_INT) && type->size <= 8 ? HEX : VALUE;
    if (has_decoder(v, decoder) && decoder == EU_IP4)
        return type->size == 4 && type->kind != EU_ARRAY ? IP4 : VALUE;
    if (has_decoder(v, decoder) && (decoder == EU_IP6 || decoder == EU_IP) && type->size == 16)
        return decoder == EU_IP6 ? IP6 : IP;
    if (has_decoder(v, decoder) && decoder != EU_STATIC_MAP)
        return VALUE;
    switch (type->kind) {
    case EU_UINT:
    case EU_INT:
        if ((type->size != 1 && type->size != 2 && type->size != 4 && type->size != 8) ||
            (v->show.format.big_ints && json && type->size == 8))
            return type->size > 8 ? VALUE : NUMBER;
        return (type->kind == EU_INT ? S8 : U8) + widths[type->size];
    case EU_BOOL:
        return type->size == 1 ? BOOL : NUMBER;
    case EU_FLOAT:
        return type->size == 4 ? FLOAT32 : type->size == 8 ? FLOAT64 : VALUE;
    case EU_POINTER:
        return type->size == 8 && (json || compat) && !(v->show.format.big_ints && json) ? U64 : NUMBER;
    case EU_ENUM:
        return NUMBER;
    case EU_STRING:
        return type->size && type->size <= 4096 ? (json ? STRING : v->form == FORM_CSV ? CELL : TEXT) : VALUE;
    }
    return VALUE;
}

/* Bytes that one operation can write beyond its prefix. */
static size_t bound_of(int code, const struct eu_plan_type *type) {
    if (code == STRING)
        return (size_t)type->size * EU_JSON_GROWTH + EU_STRING_SLACK;
    if (code == TEXT || code == CELL)
        return (size_t)type->size * EU_TEXT_GROWTH + EU_STRING_SLACK + 2;
    return EU_NUMBER_ROOM + WORD_SIZE;
}

/* Which of two addresses a union holds another field of the record says, where it has a usual name. */
static void find_family(const struct eu_view *v, const struct layout *l, struct op *op) {
    static const char *const names[] = {"family", "af", "sa_family", "ip_family", "addr_family", "ipver", "ip_ver", "ip_version"};
    struct eu_field field;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!eu_field_find(v->show.plan, l->type, names[i], strlen(names[i]), &field) || field.bit_size || field.is_beyond)
            continue;
        const struct eu_plan_type *type = &v->show.plan->types[field.type];
        if ((type->kind != EU_UINT && type->kind != EU_INT && type->kind != EU_ENUM) || type->size > 8)
            continue;
        op->family = field.offset;
        op->bit_size = (uint8_t)type->size;
        return;
    }
}

void eu_layout_value(struct eu_view *v, struct layout *l, const struct eu_field *field) {
    const struct eu_plan_type *type = &v->show.plan->types[field->type];
    int code = field->bit_size ? BITS : field->is_beyond ? VALUE : code_of(v, type, field->decoder);
    struct words *words = code == NUMBER || code == VALUE ? eu_layout_words(v, l, field) : NULL;
    int is_quoted = code == STRING || (v->form == FORM_JSON && code >= HEX && code <= IP);
    if (is_quoted)
        eu_out_char(&l->pending, '"');
    struct op *op = eu_layout_add(l, words ? WORD : code);
    if (!op)
        return;
    op->words = words;
    op->offset = field->offset;
    op->size = type->size;
    op->type = field->type;
    op->decoder = field->decoder;
    op->bit_offset = (uint8_t)field->bit_offset;
    op->bit_size = (uint8_t)field->bit_size;
    op->is_beyond = field->is_beyond;
    if (code == IP && l->nr_ops < OPS_LIMIT)
        find_family(v, l, op);
    l->bound += bound_of(code, type);
    if (is_quoted)
        eu_out_char(&l->pending, '"');
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
    struct eu_field field = {.type = member->type,
                             .offset = offset + member->bit_offset / 8,
                             .bit_offset = member->bit_offset % 8,
                             .bit_size = member->bit_size,
                             .decoder = member->decoder ? member->decoder : type->decoder};
    if (!member->name && !v->show.format.compat) {
        if (is_object)
            json_struct(v, l, member->type, field.offset, first);
        return;
    }
    key(l, plan_string(plan, member->name), first);
    if (is_object && !has_decoder(v, field.decoder) && !v->show.format.compat && l->nr_ops < OPS_LIMIT) {
        int inner = 1;
        eu_out_char(&l->pending, '{');
        json_struct(v, l, member->type, field.offset, &inner);
        eu_out_char(&l->pending, '}');
    } else {
        eu_layout_value(v, l, &field);
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

static void json_listed(struct eu_view *v, struct layout *l, int *first) {
    struct eu_columns columns = {0};
    eu_columns_listed(v->show.plan, l->type, v->fields, &columns);
    for (size_t i = 0; i < columns.count; i++)
        if (!columns.at[i].is_absent) {
            key(l, eu_column_title(&columns, i), first);
            eu_layout_value(v, l, &columns.at[i].field);
        }
    l->pending.failed |= columns.failed;
    eu_columns_free(&columns);
}

static void json_layout(struct eu_view *v, struct layout *l, const char *type_name) {
    struct eu_field whole = {.type = l->type, .decoder = v->show.plan->types[l->type].decoder};
    int first = 1;
    if (type_name) {
        key(l, v->event_key, &first);
        eu_quoted(&l->pending, type_name, strlen(type_name));
    }
    if (v->fields) {
        json_listed(v, l, &first);
    } else if (l->is_object) {
        json_struct(v, l, l->type, 0, &first);
    } else {
        key(l, v->show.format.compat ? "" : "value", &first);
        eu_layout_value(v, l, &whole);
    }
    eu_out_text(&l->pending, "}\n");
}

static void csv_layout(struct eu_view *v, struct layout *l, const char *type_name) {
    struct eu_columns columns = {0};
    char *w;
    if (v->fields)
        eu_columns_listed(v->show.plan, l->type, v->fields, &columns);
    else
        eu_columns_all(v->show.plan, l->type, EU_COLUMNS_DEEP, &columns);
    if (type_name && (w = eu_out_room(&l->pending, strlen(type_name) * EU_TEXT_GROWTH + EU_STRING_SLACK + 2)))
        l->pending.used = eu_csv_string(w, (const uint8_t *)type_name, strlen(type_name)) - l->pending.data;
    for (size_t i = 0; i < v->csv.count; i++) {
        const struct eu_column *column = eu_columns_find(&columns, eu_column_title(&v->csv, i), i);
        if (i || type_name)
            eu_out_char(&l->pending, ',');
        if (column && !column->is_absent)
            eu_layout_value(v, l, &column->field);
    }
    eu_out_char(&l->pending, '\n');
    l->pending.failed |= columns.failed;
    eu_columns_free(&columns);
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
    if (grow(l)) /* never NULL, also where nothing is shown */
        return -ENOMEM;
    l->type = type_index;
    l->size = type->size;
    l->min_size = least_size(plan, type);
    l->is_object = type->kind == EU_STRUCT || type->kind == EU_UNION;
    l->bound = 64; /* time, quotes, line end */
    if (v->form == FORM_JSON)
        json_layout(v, l, type_name);
    else if (v->form == FORM_CSV)
        csv_layout(v, l, type_name);
    else
        eu_layout_text(v, l, type_name, name_width);
    l->bound += l->pending.used + PREFIX;
    return l->pending.failed || l->header.failed ? -ENOMEM : 0;
}
