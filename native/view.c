/* Records to lines. A record type becomes a list of operations: constant bytes (key and punctuation, or a column to pad to),
 * then one value. Plain values are written in place after one check for room; everything else goes through value.c. */
#include "view.h"
#include "decoders.h"
#include "error.h"
#include "number.h"
#include "stack.h"
#include "text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { PREFIX = 32, OPS_LIMIT = 2048, PAD = 32, WIDEST_COLUMN = 32 };

enum code { LITERAL, U8, U16, U32, U64, S8, S16, S32, S64, BOOL, STRING, TEXT, FLOAT32, FLOAT64, NUMBER, BITS, VALUE, MEMBER };

struct op {
    uint8_t code, prefix_size, bit_size, column_set;
    uint16_t decoder, column;
    uint32_t offset, size, type, bit_offset;
    char prefix[PREFIX];
};

struct layout {
    struct op *ops;
    size_t nr_ops, room_ops;
    size_t bound;          /* bytes that all plain operations can write */
    size_t size, min_size; /* of a record; shorter ones end within the last member */
    uint32_t type;
    int is_object, has_ts; /* has_ts: a member is called so already */
    struct eu_out pending; /* JSON: constant bytes not in an operation yet; at the end what closes the line */
    struct eu_out header;
    size_t columns;
};

struct eu_view {
    struct eu_show show;
    const struct eu_plan_source *source;
    const struct eu_plan_record *records;
    struct layout *layouts;
    int nr_layouts, json;
    struct eu_stacks *stacks;
    uint8_t *scratch; /* a record shorter than its type, with zeroes after it */
};

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

static int has_decoder(const struct eu_view *v, int decoder) {
    return decoder && !v->show.format.raw_values && !v->show.format.compat;
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

static int make_layout(struct eu_view *v, struct layout *l, uint32_t type_index, const char *type_name, size_t name_width) {
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

struct eu_view *eu_view_new(const struct eu_plan *plan, int source, const struct eu_format *format, int name_types) {
    if (source < 0 || (uint32_t)source >= plan->header.nr_sources)
        return eu_fail_null(EINVAL, "render: source %d of %u", source, plan->header.nr_sources);
    struct eu_view *v = calloc(1, sizeof(*v));
    if (!v)
        goto memory;
    v->show = (struct eu_show){.plan = plan, .format = *format};
    v->json = format->format == 1;
    v->source = &plan->sources[source];
    v->records = plan->records + v->source->first_record;
    v->nr_layouts = v->source->kind == EU_SAMPLE ? 0 : (int)v->source->nr_records;
    v->layouts = calloc(v->nr_layouts + 1, sizeof(*v->layouts));
    size_t longest = 5, largest = 1;
    if (!v->layouts)
        goto memory;
    for (int i = 0; i < v->nr_layouts; i++) {
        size_t size = strlen(plan_string(plan, plan->types[v->records[i].type].name));
        longest = size > longest ? size : longest;
    }
    for (int i = 0; i < v->nr_layouts; i++) {
        uint32_t type = v->records[i].type;
        const char *name = plan_string(plan, plan->types[type].name);
        if (!*name)
            name = plan_string(plan, v->source->map);
        if (make_layout(v, &v->layouts[i], type, name_types && !format->compat ? name : NULL, longest > 32 ? 32 : longest))
            goto memory;
        largest = v->layouts[i].size > largest ? v->layouts[i].size : largest;
    }
    v->scratch = malloc(largest);
    if (!v->scratch)
        goto memory;
    if (v->source->style == EU_STACKS && v->nr_layouts && v->layouts[0].is_object && !(v->stacks = eu_stacks_new(&v->show, v->source)))
        goto memory;
    return v;
memory:
    eu_view_free(v);
    return eu_fail_null(ENOMEM, "render: out of memory");
}

void eu_view_free(struct eu_view *v) {
    if (!v)
        return;
    for (int i = 0; i < v->nr_layouts && v->layouts; i++) {
        free(v->layouts[i].ops);
        eu_out_free(&v->layouts[i].pending);
        eu_out_free(&v->layouts[i].header);
    }
    eu_stacks_free(v->stacks);
    free(v->layouts);
    free(v->scratch);
    free(v);
}

void eu_view_use(struct eu_view *v, struct eu_object *object) {
    if (v->stacks)
        eu_stacks_use(v->stacks, object);
}

void eu_view_finish(struct eu_view *v, struct eu_out *out) {
    if (v->stacks)
        eu_stacks_finish(v->stacks, out);
}

int eu_view_types(const struct eu_view *v) {
    return v->nr_layouts;
}

static int matches(const struct eu_view *v, int i, const uint8_t *record, size_t size) {
    const struct eu_plan_record *r = &v->records[i];
    uint64_t value = 0;
    if (size < v->layouts[i].min_size)
        return 0;
    if (r->flags & EU_MATCH_VALUE) {
        if ((uint64_t)r->value_offset + r->value_size > size)
            return 0;
        memcpy(&value, record + r->value_offset, r->value_size);
        uint64_t mask = r->value_size < 8 ? (1ull << 8 * r->value_size) - 1 : ~0ull;
        if (value != (r->value & mask))
            return 0;
    }
    if (r->flags & EU_MATCH_SIZE) {
        size_t whole = v->layouts[i].size;
        if (v->show.plan->flexible[r->type])
            return size >= whole;
        /* the kernel pads what goes through a perf buffer so that it and its 4-byte length fill 8-byte words */
        return size == whole || (v->source->kind == EU_PERF && size == ((whole + 4 + 7) & ~(size_t)7) - 4);
    }
    return 1;
}

int eu_view_match(const struct eu_view *v, const uint8_t *record, size_t size) {
    for (int i = 0; i < v->nr_layouts; i++)
        if (matches(v, i, record, size)) {
            int first = 0; /* a type may stand in the list twice, by its size and for what else comes */
            while (v->records[first].type != v->records[i].type || size < v->layouts[first].min_size)
                first++;
            return first;
        }
    return -1;
}

void eu_view_header(const struct eu_view *v, struct eu_out *out, int match) {
    if (!v->json && match >= 0 && match < v->nr_layouts && !(v->stacks && match == 0))
        eu_out_put(out, v->layouts[match].header.data, v->layouts[match].header.used);
}

static const char spaces[PAD + 1] = "                                ";

static inline char *pad_to(char *w, const char *line, size_t column) {
    size_t at = (size_t)(w - line);
    if (at >= column) {
        if (column || at)
            *w++ = ' ';
        return w;
    }
    size_t missing = column - at;
    if (missing > PAD) { /* a column behind others that are wide */
        memset(w, ' ', missing);
        return w + missing;
    }
    memcpy(w, spaces, PAD); /* two wide stores; memset() would be a call */
    return w + missing;
}

#define LOAD(type, p)                                                                                                                      \
    ({                                                                                                                                     \
        type loaded;                                                                                                                       \
        memcpy(&loaded, p, sizeof(loaded));                                                                                                \
        loaded;                                                                                                                            \
    })

/* Everything that is not one of the quick operations; may move the buffer. Returns where writing goes on, or NULL. */
static char *general_op(const struct eu_view *v, const struct layout *l, const struct op *op, struct eu_out *out, char *w, size_t *line,
                        const uint8_t *record, size_t size, int text) {
    const struct eu_plan_type *type = &v->show.plan->types[op->type];
    const uint8_t *p = record + op->offset, *end = v->show.plan->flexible[op->type] ? record + size : p + type->size;
    out->used = w - out->data;
    if (op->code == BITS) {
        eu_number(&v->show, out, type, eu_bits(type, p, op->bit_offset, op->bit_size), text);
    } else if (op->code == NUMBER) {
        eu_number(&v->show, out, type, eu_scalar(type, p), text);
    } else if (text) {
        size_t start = out->used;
        eu_value_text(&v->show, out, op->type, p, end, op->decoder);
        *line += eu_text_hidden(out->data + start, out->used - start);
    } else {
        eu_value_json(&v->show, out, op->type, p, end, op->decoder);
    }
    return out->failed ? NULL : eu_out_room(out, l->bound + l->header.used);
}

static inline __attribute__((always_inline)) int walk(const struct eu_view *v, const struct layout *l, struct eu_out *out, const char *time,
                                                      size_t time_size, const uint8_t *record, size_t size, const int text) {
    size_t line = out->used, hidden = 0;
    char *w = eu_out_room(out, l->bound + l->header.used + time_size);
    if (!w)
        return -ENOMEM;
    if (text) {
        memcpy(w, time, time_size);
        w += time_size;
    } else {
        *w++ = '{';
        if (time_size) {
            size_t key_size = l->has_ts ? 6 : 5;
            memcpy(w, l->has_ts ? "\"_ts\":" : "\"ts\":", key_size);
            memcpy(w + key_size, time, time_size);
            w += key_size + time_size;
            if (l->nr_ops || l->pending.used > 2)
                *w++ = ',';
        }
    }
    for (const struct op *op = l->ops, *end = op + l->nr_ops; op < end; op++) {
        const uint8_t *p = record + op->offset;
        if (text && op->column_set)
            w = pad_to(w, out->data + line, op->column);
        if (!text || op->prefix_size) {
            memcpy(w, op->prefix, PREFIX);
            w += op->prefix_size;
        }
        switch (op->code) {
        case LITERAL:
            break;
        case U8:
            w = eu_put_u64(w, *p);
            break;
        case U16:
            w = eu_put_u64(w, LOAD(uint16_t, p));
            break;
        case U32:
            w = eu_put_u64(w, LOAD(uint32_t, p));
            break;
        case U64:
            w = eu_put_u64(w, LOAD(uint64_t, p));
            break;
        case S8:
            w = eu_put_i64(w, (int8_t)*p);
            break;
        case S16:
            w = eu_put_i64(w, LOAD(int16_t, p));
            break;
        case S32:
            w = eu_put_i64(w, LOAD(int32_t, p));
            break;
        case S64:
            w = eu_put_i64(w, LOAD(int64_t, p));
            break;
        case BOOL:
            memcpy(w, *p ? "true" : "false", 5);
            w += *p ? 4 : 5;
            break;
        case STRING:
            w = eu_json_string(w, p, op->size);
            break;
        case TEXT:
            w = eu_text_string(w, p, op->size, &hidden);
            line += hidden;
            hidden = 0;
            break;
        case FLOAT32:
            w = eu_put_double(w, LOAD(float, p), !v->show.format.compat);
            break;
        case FLOAT64:
            w = eu_put_double(w, LOAD(double, p), 0);
            break;
        default:
            w = general_op(v, l, op, out, w, &line, record, size, text);
            if (!w)
                return -ENOMEM;
        }
    }
    if (text) {
        *w++ = '\n';
    } else {
        memcpy(w, l->pending.data, l->pending.used);
        w += l->pending.used;
    }
    out->used = w - out->data;
    return 0;
}

int eu_view_record(struct eu_view *v, struct eu_out *out, const char *time, size_t time_size, int match, const uint8_t *record,
                   size_t size) {
    if (match < 0 || match >= v->nr_layouts)
        return -EBADMSG;
    const struct layout *l = &v->layouts[match];
    size_t before = out->used;
    if (size < l->size) {
        if (size < l->min_size)
            return -EBADMSG;
        memcpy(v->scratch, record, size);
        memset(v->scratch + size, 0, l->size - size);
        record = v->scratch;
        size = l->size;
    }
    if (v->stacks && match == 0) {
        int shown = eu_stacks_show(v->stacks, out, time, time_size, record, size, NULL, 0);
        if (out->failed)
            out->used = before;
        return shown < 0 ? shown : out->failed ? -ENOMEM : 0;
    }
    int err = v->json ? walk(v, l, out, time, time_size, record, size, 0) : walk(v, l, out, time, time_size, record, size, 1);
    if (err || out->failed)
        out->used = before;
    return out->failed ? -ENOMEM : err;
}

long eu_render(struct eu_plan *plan, int source, const struct eu_format *format, const void *record, size_t size, char *out, size_t room) {
    struct eu_out line = {0};
    const char *blank = "         ";
    if (!plan->cached || plan->cached_source != source || memcmp(&plan->cached_format, format, sizeof(*format))) {
        struct eu_format timeless = *format;
        eu_view_free(plan->cached);
        timeless.time = 0;
        plan->cached = eu_view_new(plan, source, &timeless, 0);
        if (!plan->cached)
            return -eu_errno();
        plan->cached_source = source;
        plan->cached_format = *format;
    }
    int column = format->compat && !format->format; /* its rows are laid out behind the time column */
    int match = eu_view_match(plan->cached, record, size);
    int err = eu_view_record(plan->cached, &line, blank, column ? 9 : 0, match, record, size);
    if (err) {
        eu_out_free(&line);
        return eu_fail(-err, "render: record of %zu bytes: too short for its type", size);
    }
    if (!line.used) { /* a stack trace without frames, or folded */
        eu_out_free(&line);
        return 0;
    }
    size_t skip = column && !plan->cached->stacks ? (line.used > 10 ? 10 : line.used - 1) : 0, length = line.used - skip - 1;
    if (length > room)
        eu_fail(ENOSPC, "render: %zu bytes, room for %zu", length, room);
    else
        memcpy(out, line.data + skip, length);
    eu_out_free(&line);
    return length > room ? -ENOSPC : (long)length;
}
