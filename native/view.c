/* Records to lines. Plain values are written in place after one check for room; everything else goes through value.c. */
#include "view.h"
#include "error.h"
#include "layout.h"
#include "number.h"
#include "text.h"
#include <errno.h>
#include <stdlib.h>

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
        if (eu_layout_make(v, &v->layouts[i], type, name_types && !format->compat ? name : NULL, longest > 32 ? 32 : longest))
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
