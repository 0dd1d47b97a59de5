/* Records to lines. Plain values are written in place after one check for room; everything else goes through value.c. */
#include "error.h"
#include "layout.h"
#include "number.h"
#include "text.h"
#include <errno.h>
#include <stdlib.h>

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

static void general_value(const struct eu_show *show, struct eu_out *out, const struct op *op, const uint8_t *p, const uint8_t *end,
                          enum form form) {
    const struct eu_plan_type *type = &show->plan->types[op->type];
    if (op->code == BITS)
        eu_bits_value(show, out, op->type, eu_bits(type, p, op->bit_offset, op->bit_size), op->decoder, form != FORM_JSON);
    else if (op->code == NUMBER)
        eu_number(show, out, type, eu_scalar(type, p), form != FORM_JSON);
    else if (form == FORM_JSON)
        eu_value_json(show, out, op->type, p, end, op->decoder);
    else
        eu_value_text(show, out, op->type, p, end, op->decoder);
}

static void csv_string(struct eu_out *out, const uint8_t *p, const uint8_t *end) {
    char *w = eu_out_room(out, (end - p) * EU_TEXT_GROWTH + EU_STRING_SLACK + 2);
    if (w)
        out->used = eu_csv_string(w, p, end - p) - out->data;
}

static size_t size_of(const struct op *op, const struct eu_plan_type *type) {
    size_t bits = (op->bit_offset + op->bit_size + 7u) / 8;
    return op->bit_size && bits > type->size ? bits : type->size;
}

/* Everything that is not one of the quick operations; may move the buffer. Returns where writing goes on, or NULL. */
static char *general_op(const struct eu_view *v, const struct layout *l, const struct op *op, struct eu_out *out, char *w, size_t *line,
                        const uint8_t *record, size_t size, enum form form) {
    const struct eu_plan_type *type = &v->show.plan->types[op->type];
    const uint8_t *p = record + op->offset, *end = v->show.plan->flexible[op->type] ? record + size : p + type->size;
    size_t start = w - out->data;
    out->used = start;
    if (op->is_beyond && op->offset + size_of(op, type) > size)
        eu_out_text(out, form == FORM_JSON ? "null" : form == FORM_TEXT ? "-" : "");
    else if (form == FORM_CSV && type->kind == EU_STRING && !has_decoder(v, op->decoder))
        csv_string(out, p, end);
    else
        general_value(&v->show, out, op, p, end, form);
    size_t used = out->used - start;
    if (form == FORM_CSV && (type->kind == EU_OPAQUE || type->kind == EU_FLOAT) && used > 2 && out->data[start] == '"') {
        memmove(out->data + start, out->data + start + 1, used -= 2); /* hexadecimal needs no quotes */
        out->used = start + used;
    }
    if (form == FORM_TEXT)
        *line += eu_text_hidden(out->data + start, used);
    else if (form == FORM_CSV && used && !(type->kind == EU_STRING && !has_decoder(v, op->decoder)) && eu_out_room(out, used + 2))
        out->used = start + eu_csv_protect(out->data + start, used);
    return out->failed ? NULL : eu_out_room(out, l->bound + l->header.used);
}

/* What stands before the first value: the time. */
static inline char *begin(const struct eu_view *v, const struct layout *l, char *w, const char *time, size_t time_size,
                          const enum form form) {
    if (form == FORM_JSON)
        *w++ = '{';
    if (!time_size)
        return w;
    if (form == FORM_JSON) {
        size_t key_size = v->has_ts ? 6 : 5;
        memcpy(w, v->has_ts ? "\"_ts\":" : "\"ts\":", key_size);
        w += key_size;
    }
    memcpy(w, time, time_size);
    w += time_size;
    if (form == FORM_CSV || (form == FORM_JSON && (l->nr_ops || l->pending.used > 2)))
        *w++ = ',';
    return w;
}

static inline __attribute__((always_inline)) int walk(const struct eu_view *v, const struct layout *l, struct eu_out *out, const char *time,
                                                      size_t time_size, const uint8_t *record, size_t size, const enum form form) {
    const int text = form == FORM_TEXT;
    size_t line = out->used, hidden = 0, copied, start;
    uint64_t at;
    char *w = eu_out_room(out, l->bound + l->header.used + time_size);
    if (!w)
        return -ENOMEM;
    w = begin(v, l, w, time, time_size, form);
    for (struct op *op = l->ops, *end = op + l->nr_ops; op < end; op++) {
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
            w = eu_put_u32(w, *p);
            break;
        case U16:
            w = eu_put_u32(w, LOAD(uint16_t, p));
            break;
        case U32:
            w = eu_put_u32(w, LOAD(uint32_t, p));
            break;
        case U64:
            w = eu_put_again(w, LOAD(uint64_t, p), &op->last);
            break;
        case S8:
            w = eu_put_i32(w, (int8_t)*p);
            break;
        case S16:
            w = eu_put_i32(w, LOAD(int16_t, p));
            break;
        case S32:
            w = eu_put_i32(w, LOAD(int32_t, p));
            break;
        case S64:
            w = eu_put_i64(w, LOAD(int64_t, p));
            break;
        case BOOL:
            memcpy(w, *p ? "true" : "false", 5);
            w += *p ? 4 : 5;
            break;
        case STRING:
            if (op->size == 16 && eu_copy_comm(w, p, &copied))
                w += copied;
            else
                w = eu_json_string(w, p, op->size);
            break;
        case TEXT:
            if (op->size == 16 && eu_copy_comm(w, p, &copied)) {
                w += copied;
                break;
            }
            w = eu_text_string(w, p, op->size, &hidden);
            line += hidden;
            hidden = 0;
            break;
        case CELL:
            w = eu_csv_string(w, p, op->size);
            break;
        case HEX:
            w = eu_put_0x(w, eu_load_up_to_8(p, op->size));
            break;
        case IP4:
            w = eu_put_ip4(w, p);
            break;
        case IP6:
            w = eu_put_ip6(w, p);
            break;
        case IP:
            w = eu_put_ip(w, p, op->bit_size ? eu_load_up_to_8(record + op->family, op->bit_size) : 0);
            break;
        case WORD:
            at = (uint64_t)eu_scalar(&v->show.plan->types[op->type], p) - op->words->first;
            if (at < WORDS_LIMIT && op->words->size[at]) {
                memcpy(w, op->words->text[at], WORD_SIZE);
                w += op->words->size[at];
                break;
            }
            start = w - out->data;
            w = general_op(v, l, op, out, w, &line, record, size, form);
            if (!w)
                return -ENOMEM;
            eu_layout_keep_word(op->words, at, out->data + start, out->used - start);
            break;
        case FLOAT32:
            w = eu_put_double(w, LOAD(float, p), !v->show.format.compat);
            break;
        case FLOAT64:
            w = eu_put_double(w, LOAD(double, p), 0);
            break;
        default:
            w = general_op(v, l, op, out, w, &line, record, size, form);
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
    int err = v->form == FORM_JSON   ? walk(v, l, out, time, time_size, record, size, FORM_JSON)
              : v->form == FORM_TEXT ? walk(v, l, out, time, time_size, record, size, FORM_TEXT)
                                     : walk(v, l, out, time, time_size, record, size, FORM_CSV);
    if (err || out->failed)
        out->used = before;
    return out->failed ? -ENOMEM : err;
}

/* The list of fields is compared by its text: the caller's may be another one at the same address. */
static int is_cached(const struct eu_plan *plan, int source, const struct eu_format *format) {
    struct eu_format cached = plan->cached_format;
    if (!plan->cached || plan->cached_source != source ||
        strcmp(plan->cached->fields ? plan->cached->fields : "", format->fields ? format->fields : ""))
        return 0;
    cached.fields = format->fields;
    return !memcmp(&cached, format, sizeof(cached));
}

/* The view of the last call, or a new one. */
static struct eu_view *cached_view(struct eu_plan *plan, int source, const struct eu_format *format) {
    struct eu_format timeless = *format;
    if (is_cached(plan, source, format))
        return plan->cached;
    eu_view_free(plan->cached);
    timeless.time = 0;
    plan->cached = eu_view_new(plan, source, &timeless, 1);
    plan->cached_source = source;
    plan->cached_format = *format;
    return plan->cached;
}

static long hand_out(struct eu_out *line, size_t skip, size_t length, char *out, size_t room) {
    if (length > room)
        eu_fail(ENOSPC, "render: %zu bytes, room for %zu", length, room);
    else if (length)
        memcpy(out, line->data + skip, length);
    eu_out_free(line);
    return length > room ? -ENOSPC : (long)length;
}

long eu_render(struct eu_plan *plan, int source, const struct eu_format *format, const void *record, size_t size, char *out, size_t room) {
    struct eu_out line = {0};
    const char *blank = "         ";
    struct eu_view *view = cached_view(plan, source, format);
    if (!view)
        return -eu_errno();
    int column = format->compat && !format->format; /* its rows are laid out behind the time column */
    int match = eu_view_match(view, record, size);
    int err = eu_view_record(view, &line, blank, column ? 9 : 0, match, record, size);
    if (err) {
        eu_out_free(&line);
        return eu_fail(-err, "render: record of %zu bytes: too short for its type", size);
    }
    if (!line.used) /* a stack trace without frames, or folded */
        return hand_out(&line, 0, 0, out, room);
    size_t skip = column && !view->stacks ? (line.used > 10 ? 10 : line.used - 1) : 0;
    return hand_out(&line, skip, line.used - skip - 1, out, room);
}

long eu_render_header(struct eu_plan *plan, int source, const struct eu_format *format, int type, char *out, size_t room) {
    struct eu_out line = {0};
    struct eu_view *view = cached_view(plan, source, format);
    if (!view)
        return -eu_errno();
    eu_view_header(view, &line, type);
    return hand_out(&line, 0, line.used, out, room);
}
