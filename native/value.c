#include "value.h"
#include "decoders.h"
#include "number.h"
#include "text.h"
#include <stdlib.h>

enum { SAFE_INTEGER_BITS = 53 }; /* JSON readers with doubles hold integers up to 2^53 */

void eu_quoted(struct eu_out *out, const void *bytes, size_t size) {
    char *w = eu_out_room(out, size * EU_JSON_GROWTH + EU_STRING_SLACK + 2);
    if (!w)
        return;
    *w++ = '"';
    w = eu_json_string(w, bytes, size);
    *w++ = '"';
    out->used = w - out->data;
}

static int is_signed(const struct eu_plan_type *type) {
    return type->kind == EU_INT || (type->kind == EU_ENUM && type->flags & EU_SIGNED);
}

int64_t eu_scalar(const struct eu_plan_type *type, const uint8_t *p) {
    uint64_t v = eu_load_up_to_8(p, type->size);
    unsigned spare = type->size < 8 ? 64 - 8 * type->size : 0;
    return is_signed(type) ? (int64_t)(v << spare) >> spare : (int64_t)v;
}

int64_t eu_bits(const struct eu_plan_type *type, const uint8_t *p, uint32_t bit_offset, unsigned bit_size) {
    unsigned shift = bit_offset % 8, bytes = (shift + bit_size + 7) / 8;
    unsigned __int128 wide = 0;
    memcpy(&wide, p + bit_offset / 8, bytes);
    uint64_t v = (uint64_t)(wide >> shift) << (64 - bit_size);
    return is_signed(type) ? (int64_t)v >> (64 - bit_size) : (int64_t)(v >> (64 - bit_size));
}

static void wide_number(struct eu_out *out, const struct eu_plan_type *type, const uint8_t *p, int text) {
    char *w = eu_out_room(out, EU_NUMBER_ROOM);
    __int128 v;
    if (!w)
        return;
    memcpy(&v, p, 16);
    if (!text)
        *w++ = '"';
    w = type->kind == EU_INT ? eu_put_i128(w, v) : eu_put_u128(w, (unsigned __int128)v);
    if (!text)
        *w++ = '"';
    out->used = w - out->data;
}

static void integer(const struct eu_show *show, struct eu_out *out, int64_t value, int negative, int text) {
    char *w = eu_out_room(out, EU_NUMBER_ROOM);
    if (!w)
        return;
    uint64_t magnitude = negative ? -(uint64_t)value : (uint64_t)value;
    int quote = show->format.big_ints && !text && magnitude > 1ull << SAFE_INTEGER_BITS;
    if (quote)
        *w++ = '"';
    if (negative)
        *w++ = '-';
    w = eu_put_u64(w, magnitude);
    if (quote)
        *w++ = '"';
    out->used = w - out->data;
}

/* Compatible enums are `NAME(value)`, read as signed 32-bit numbers. */
static void enumerator(const struct eu_show *show, struct eu_out *out, const struct eu_plan_type *type, int64_t value, int text) {
    const char *name = plan_enum_name(show->plan, type, value);
    if (type->flags & EU_MAPPED && (show->format.compat || show->format.raw_values)) {
        integer(show, out, value, is_signed(type) && value < 0, text);
        return;
    }
    if (!show->format.compat) {
        if (!name)
            integer(show, out, value, is_signed(type) && value < 0, text);
        else if (text)
            eu_out_text(out, name);
        else
            eu_quoted(out, name, strlen(name));
        return;
    }
    if (type->size < 8)
        value = (int64_t)((uint64_t)value << (64 - 8 * type->size)) >> (64 - 8 * type->size);
    if (!text)
        eu_out_char(out, '"');
    eu_out_format(out, "%s(%lld)", name ? name : "<UNKNOWN_VARIANT>", (long long)value);
    if (!text)
        eu_out_char(out, '"');
}

void eu_number(const struct eu_show *show, struct eu_out *out, const struct eu_plan_type *type, int64_t value, int text) {
    switch (type->kind) {
    case EU_BOOL:
        eu_out_text(out, value ? "true" : "false");
        return;
    case EU_ENUM:
        enumerator(show, out, type, value, text);
        return;
    case EU_POINTER:
        if (text && !show->format.compat) {
            eu_out_format(out, "0x%llx", (unsigned long long)value);
            return;
        }
        break;
    }
    integer(show, out, value, is_signed(type) && value < 0, text);
}

static void floating(struct eu_out *out, const struct eu_show *show, const uint8_t *p, unsigned size) {
    char *w = eu_out_room(out, EU_NUMBER_ROOM);
    double v;
    float single;
    if (!w)
        return;
    if (size == 4) {
        memcpy(&single, p, 4);
        v = single;
    } else {
        memcpy(&v, p, 8);
    }
    w = eu_put_double(w, v, size == 4 && !show->format.compat);
    out->used = w - out->data;
}

static void hexadecimal(struct eu_out *out, const uint8_t *p, size_t size) {
    char *w = eu_out_room(out, 2 * size + 2);
    if (!w)
        return;
    *w++ = '"';
    for (size_t i = 0; i < size; i++)
        w = eu_put_hex(w, p[i], 2);
    *w++ = '"';
    out->used = w - out->data;
}

static void array(const struct eu_show *show, struct eu_out *out, const struct eu_plan_type *type, const uint8_t *p, const uint8_t *end,
                  int decoder) {
    const struct eu_plan_type *element = &show->plan->types[type->first];
    size_t count = type->count;
    if (!count && element->size && end > p)
        count = (size_t)(end - p) / element->size;
    if (type->count && !element->size)
        count = 0;
    eu_out_char(out, '[');
    for (size_t i = 0; i < count && !out->failed; i++, p += element->size) {
        if (i)
            eu_out_char(out, ',');
        eu_value_json(show, out, type->first, p, p + element->size, decoder);
    }
    eu_out_char(out, ']');
}

void eu_bits_value(const struct eu_show *show, struct eu_out *out, uint32_t index, int64_t value, int decoder, int text) {
    const struct eu_plan_type *type = &show->plan->types[index];
    if (!decoder)
        decoder = type->decoder;
    if (!decoder || show->format.raw_values || show->format.compat || !eu_decode_number(show, out, decoder, index, value, text))
        eu_number(show, out, type, value, text);
}

void eu_member_json(const struct eu_show *show, struct eu_out *out, const struct eu_plan_member *member, const uint8_t *p,
                    const uint8_t *end) {
    const struct eu_plan_type *type = &show->plan->types[member->type];
    if (member->bit_size) {
        eu_bits_value(show, out, member->type, eu_bits(type, p, member->bit_offset, member->bit_size), member->decoder, 0);
        return;
    }
    p += member->bit_offset / 8;
    eu_value_json(show, out, member->type, p, show->plan->flexible[member->type] ? end : p + type->size, member->decoder);
}

static void name_of_member(const struct eu_show *show, struct eu_out *out, uint32_t name) {
    const char *text = plan_string(show->plan, name);
    eu_quoted(out, text, strlen(text));
    eu_out_char(out, ':');
}

static _Thread_local const struct eu_plan *sorting_plan;

static int by_name(const void *a, const void *b) {
    const struct eu_plan_member *left = &sorting_plan->members[*(const uint32_t *)a], *right = &sorting_plan->members[*(const uint32_t *)b];
    int order = strcmp(plan_string(sorting_plan, left->name), plan_string(sorting_plan, right->name));
    return order ? order : (left > right) - (left < right);
}

void eu_sorted_members(const struct eu_plan *plan, const struct eu_plan_type *type, uint32_t *order) {
    for (uint32_t i = 0; i < type->count; i++)
        order[i] = type->first + i;
    sorting_plan = plan;
    qsort(order, type->count, sizeof(*order), by_name);
}

/* The first system's objects: keys in byte order, two more that name the type, of equal names the last. */
static void compatible_object(const struct eu_show *show, struct eu_out *out, uint32_t index, const uint8_t *p, const uint8_t *end,
                              int outermost) {
    const struct eu_plan *plan = show->plan;
    const struct eu_plan_type *type = &plan->types[index];
    uint32_t *order = malloc((type->count + 1) * sizeof(*order));
    int extra = outermost, first = 1;
    if (!order) {
        out->failed = 1;
        return;
    }
    eu_sorted_members(plan, type, order);
    eu_out_char(out, '{');
    for (uint32_t i = 0; i <= type->count; i++) {
        const struct eu_plan_member *member = i < type->count ? &plan->members[order[i]] : NULL;
        if (!extra && (!member || strcmp(plan_string(plan, member->name), "__EUNOMIA_TYPE") > 0)) {
            eu_out_format(out, "%s\"__EUNOMIA_TYPE\":\"%s\",\"__EUNOMIA_TYPE_NAME\":", first ? "" : ",",
                          type->kind == EU_STRUCT ? "struct" : "union");
            const char *name = plan_string(plan, type->name);
            eu_quoted(out, name, strlen(name));
            extra = 1;
            first = 0;
        }
        if (!member)
            break;
        if ((i + 1 < type->count && plan->members[order[i + 1]].name == member->name) || (outermost && !member->name))
            continue;
        if (!first)
            eu_out_char(out, ',');
        first = 0;
        name_of_member(show, out, member->name);
        eu_member_json(show, out, member, p, end);
    }
    eu_out_char(out, '}');
    free(order);
}

int eu_members_json(const struct eu_show *show, struct eu_out *out, uint32_t index, const uint8_t *p, const uint8_t *end, int first) {
    const struct eu_plan *plan = show->plan;
    const struct eu_plan_type *type = &plan->types[index];
    int shown = 0;
    for (uint32_t i = type->first; i < type->first + type->count && !out->failed; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        const struct eu_plan_type *of = &plan->types[member->type];
        if (!member->name) {
            if (of->kind == EU_STRUCT || of->kind == EU_UNION) {
                const uint8_t *inner = p + member->bit_offset / 8;
                shown +=
                    eu_members_json(show, out, member->type, inner, plan->flexible[member->type] ? end : inner + of->size, first && !shown);
            }
            continue; /* an unnamed bit field is padding */
        }
        if (!first || shown)
            eu_out_char(out, ',');
        name_of_member(show, out, member->name);
        eu_member_json(show, out, member, p, end);
        shown++;
    }
    return shown;
}

void eu_element_json(const struct eu_show *show, struct eu_out *out, uint32_t index, const uint8_t *p) {
    const struct eu_plan_type *type = &show->plan->types[index];
    if (!show->format.compat) {
        eu_value_json(show, out, index, p, p + type->size, 0);
    } else if (type->kind == EU_STRUCT) {
        compatible_object(show, out, index, p, p + type->size, 1);
    } else {
        eu_out_char(out, '{');
        name_of_member(show, out, type->name);
        eu_value_json(show, out, index, p, p + type->size, 0);
        eu_out_char(out, '}');
    }
}

void eu_value_json(const struct eu_show *show, struct eu_out *out, uint32_t index, const uint8_t *p, const uint8_t *end, int decoder) {
    const struct eu_plan_type *type = &show->plan->types[index];
    if (!decoder)
        decoder = type->decoder;
    if (decoder && !show->format.raw_values && !show->format.compat && eu_decode(show, out, decoder, index, p, end, 0))
        return;
    switch (type->kind) {
    case EU_STRING:
        eu_quoted(out, p, type->size ? type->size : (size_t)(end - p));
        return;
    case EU_ARRAY:
        array(show, out, type, p, end, decoder);
        return;
    case EU_STRUCT:
    case EU_UNION:
        if (show->format.compat) {
            compatible_object(show, out, index, p, end, 0);
            return;
        }
        eu_out_char(out, '{');
        eu_members_json(show, out, index, p, end, 1);
        eu_out_char(out, '}');
        return;
    case EU_OPAQUE:
        hexadecimal(out, p, type->size);
        return;
    case EU_FLOAT:
        if (type->size != 4 && type->size != 8)
            hexadecimal(out, p, type->size);
        else
            floating(out, show, p, type->size);
        return;
    }
    if (type->size == 16)
        wide_number(out, type, p, 0);
    else
        eu_number(show, out, type, eu_scalar(type, p), 0);
}

void eu_value_text(const struct eu_show *show, struct eu_out *out, uint32_t index, const uint8_t *p, const uint8_t *end, int decoder) {
    const struct eu_plan_type *type = &show->plan->types[index];
    if (!decoder)
        decoder = type->decoder;
    if (decoder && !show->format.raw_values && !show->format.compat && eu_decode(show, out, decoder, index, p, end, 1))
        return;
    if (type->kind == EU_STRING) {
        size_t room = type->size ? type->size : (size_t)(end - p), hidden = 0;
        char *w = eu_out_room(out, room * EU_TEXT_GROWTH + EU_STRING_SLACK);
        if (w)
            out->used = eu_text_string(w, p, room, &hidden) - out->data;
    } else if (plan_is_scalar(type) && type->kind != EU_FLOAT) {
        if (type->size == 16)
            wide_number(out, type, p, 1);
        else
            eu_number(show, out, type, eu_scalar(type, p), 1);
    } else {
        eu_value_json(show, out, index, p, end, decoder);
    }
}

void eu_member_text(const struct eu_show *show, struct eu_out *out, const struct eu_plan_member *member, const uint8_t *p) {
    const struct eu_plan_type *type = &show->plan->types[member->type];
    if (member->bit_size) {
        eu_bits_value(show, out, member->type, eu_bits(type, p, member->bit_offset, member->bit_size), member->decoder, 1);
        return;
    }
    p += member->bit_offset / 8;
    eu_value_text(show, out, member->type, p, p + type->size, member->decoder);
}
