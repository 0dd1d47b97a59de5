/* Keys: the fields of --count-by out of a record, in bytes that are equal where the values are. */
#include "aggregate_parts.h"
#include "number.h"
#include "text.h"
#include <stdlib.h>

static int is_signed(const struct eu_plan_type *type) {
    return type->kind == EU_INT || (type->kind == EU_ENUM && type->flags & EU_SIGNED);
}

static int kind_of(const struct eu_plan *plan, const struct eu_field *field) {
    const struct eu_plan_type *type = &plan->types[field->type];
    if (field->bit_size || (plan_is_scalar(type) && type->kind != EU_FLOAT && type->size <= 8))
        return PART_NUMBER;
    if (type->kind == EU_STRING && !field->decoder)
        return PART_STRING;
    return plan->flexible[field->type] ? PART_REST : PART_BYTES;
}

/* A field as a part of shapes; grows what records must have. 0: the type has no such field. */
static int make_part(const struct eu_plan *plan, uint32_t type, const char *path, struct part *part, size_t *need) {
    if (!eu_field_find(plan, type, path, strlen(path), &part->field))
        return 0;
    const struct eu_plan_type *of = &plan->types[part->field.type];
    part->kind = (uint8_t)kind_of(plan, &part->field);
    part->is_signed = (uint8_t)is_signed(of);
    part->size = of->size;
    size_t end = part->field.bit_size ? (part->field.bit_offset + part->field.bit_size + 7u) / 8 : part->size;
    if (!part->field.is_beyond && part->field.offset + end > *need)
        *need = part->field.offset + end;
    return 1;
}

int eu_key_shape(const struct eu_aggregate *a, uint32_t type, struct shape *shape) {
    const struct eu_plan *plan = a->show.plan;
    int found = 1;
    for (int i = 0; i < a->nr_key && found; i++)
        found = make_part(plan, type, a->paths[i], &shape->key[i], &shape->need);
    return found && (!a->number_path || make_part(plan, type, a->number_path, &shape->number, &shape->need));
}

static int same_part(const struct eu_plan *plan, const struct part *left, const struct part *right) {
    const struct eu_plan_type *a = &plan->types[left->field.type], *b = &plan->types[right->field.type];
    if (left->kind != right->kind || left->field.decoder != right->field.decoder)
        return 0;
    if (left->kind == PART_STRING || left->field.type == right->field.type)
        return 1;
    /* plain integers of any width; not where the same bytes are one number or another */
    int integers = (a->kind == EU_UINT || a->kind == EU_INT) && (b->kind == EU_UINT || b->kind == EU_INT);
    return left->kind == PART_NUMBER && integers && !left->field.decoder &&
           (left->is_signed == right->is_signed || (a->size < 8 && b->size < 8));
}

int eu_key_same(const struct eu_aggregate *a, const struct shape *left, const struct shape *right) {
    for (int i = 0; i < a->nr_key; i++)
        if (!same_part(a->show.plan, &left->key[i], &right->key[i]))
            return 0;
    return 1;
}

/* Its bytes as they are, also those in network order. */
static int64_t plain_number(const struct eu_plan *plan, const struct part *part, const uint8_t *record) {
    const uint8_t *p = record + part->field.offset;
    if (part->field.bit_size)
        return eu_bits(&plan->types[part->field.type], p, part->field.bit_offset, part->field.bit_size);
    if (part->size == 4) { /* most are */
        uint32_t value;
        memcpy(&value, p, 4);
        return part->is_signed ? (int32_t)value : (int64_t)value;
    }
    if (part->size == 8) {
        int64_t value;
        memcpy(&value, p, 8);
        return value;
    }
    return eu_scalar(&plan->types[part->field.type], p);
}

int64_t eu_part_number(const struct eu_plan *plan, const struct part *part, const uint8_t *record) {
    uint64_t value = 0;
    if (!eu_field_is_network(&part->field))
        return plain_number(plan, part, record);
    for (uint32_t i = 0; i < part->size; i++)
        value = value << 8 | record[part->field.offset + i];
    return (int64_t)value;
}

double eu_part_float(const struct part *part, const uint8_t *record) {
    double value;
    float single;
    if (part->size == 4) {
        memcpy(&single, record + part->field.offset, 4);
        return (double)single;
    }
    memcpy(&value, record + part->field.offset, 8);
    return value;
}

/* Copy a value and leave out what is not of it: padding, and what lies behind the NUL of a string. `to` is zeroed. */
static void copy_clean(const struct eu_plan *plan, uint32_t index, uint8_t *to, const uint8_t *from) {
    const struct eu_plan_type *type = &plan->types[index];
    if (type->kind == EU_STRING) {
        memcpy(to, from, strnlen((const char *)from, type->size));
    } else if (type->kind == EU_ARRAY && plan->types[type->first].kind >= EU_STRING) {
        uint32_t size = plan->types[type->first].size;
        for (uint32_t i = 0; i < type->count && size; i++)
            copy_clean(plan, type->first, to + (size_t)i * size, from + (size_t)i * size);
    } else if (type->kind == EU_STRUCT) {
        for (uint32_t i = type->first; i < type->first + type->count; i++) {
            const struct eu_plan_member *member = &plan->members[i];
            size_t at = member->bit_offset / 8;
            if (!member->bit_size) {
                copy_clean(plan, member->type, to + at, from + at);
                continue;
            }
            for (uint32_t bit = member->bit_offset; member->name && bit < member->bit_offset + member->bit_size; bit++)
                to[bit / 8] = (uint8_t)(to[bit / 8] | (from[bit / 8] & 1 << bit % 8));
        }
    } else {
        memcpy(to, from, type->size);
    }
}

/* Append a part; where the key ends then, or NULL: it is too long. */
static uint8_t *put_part(const struct eu_plan *plan, const struct part *part, uint8_t *w, const uint8_t *limit, const uint8_t *record,
                         size_t size) {
    const uint8_t *p = record + part->field.offset;
    size_t left = size - part->field.offset, length = part->size;
    if (part->kind == PART_NUMBER) {
        int64_t value = plain_number(plan, part, record);
        if (limit - w < 8)
            return NULL;
        memcpy(w, &value, 8);
        return w + 8;
    }
    if (part->kind == PART_STRING) {
        length = strnlen((const char *)p, part->size ? part->size : left);
        if ((size_t)(limit - w) <= length)
            return NULL;
        memcpy(w, p, length);
        w[length] = 0;
        return w + length + 1;
    }
    if (part->kind == PART_REST) {
        uint32_t rest = (uint32_t)left;
        if ((size_t)(limit - w) < left + 4)
            return NULL;
        memcpy(w, &rest, 4);
        memcpy(w + 4, p, left);
        return w + 4 + left;
    }
    if ((size_t)(limit - w) < length)
        return NULL;
    memset(w, 0, length);
    if (part->field.decoder)
        memcpy(w, p, length);
    else
        copy_clean(plan, part->field.type, w, p);
    return w + length;
}

long eu_key_make(struct eu_aggregate *a, const struct shape *shape, const uint8_t *record, size_t size) {
    uint8_t *w = a->key;
    for (int i = 0; i < a->nr_key; i++) {
        if (!eu_field_is_there(a->show.plan, &shape->key[i].field, size))
            return EU_KEY_ABSENT;
        w = put_part(a->show.plan, &shape->key[i], w, a->key + KEY_LIMIT, record, size);
        if (!w)
            return EU_KEY_TOO_LONG;
    }
    memset(w, 0, 8); /* hashed by words */
    return w - a->key;
}

const uint8_t *eu_key_part(const struct shape *shape, const uint8_t *key, int i, size_t *size) {
    for (int at = 0;; at++) {
        const struct part *part = &shape->key[at];
        uint32_t rest;
        *size = part->kind == PART_NUMBER ? 8 : part->kind == PART_STRING ? strlen((const char *)key) : part->size;
        if (part->kind == PART_REST) {
            memcpy(&rest, key, 4);
            *size = rest;
            key += 4;
        }
        if (at == i)
            return key;
        key += *size + (part->kind == PART_STRING);
    }
}

static void show_string(struct eu_out *out, const uint8_t *p, size_t size, int text) {
    size_t hidden = 0;
    if (!text) {
        eu_quoted(out, p, size);
        return;
    }
    char *w = eu_out_room(out, size * EU_TEXT_GROWTH + EU_STRING_SLACK);
    if (w)
        out->used = (size_t)(eu_text_string(w, p, size, &hidden) - out->data);
}

void eu_key_show(const struct eu_aggregate *a, const struct shape *shape, const uint8_t *key, int i, struct eu_out *out, int text) {
    const struct part *part = &shape->key[i];
    size_t size;
    const uint8_t *p = eu_key_part(shape, key, i, &size);
    int64_t value;
    if (part->kind == PART_STRING) {
        show_string(out, p, size, text);
    } else if (part->kind == PART_NUMBER && (part->field.bit_size || !part->field.decoder)) {
        memcpy(&value, p, 8);
        eu_bits_value(&a->show, out, part->field.type, value, part->field.decoder, text);
    } else if (text) {
        eu_value_text(&a->show, out, part->field.type, p, p + (part->kind == PART_NUMBER ? part->size : size), part->field.decoder);
    } else {
        eu_value_json(&a->show, out, part->field.type, p, p + (part->kind == PART_NUMBER ? part->size : size), part->field.decoder);
    }
}

int eu_key_compare(const struct eu_aggregate *a, const struct shape *shape, const uint8_t *left, const uint8_t *right, int i) {
    const struct part *part = &shape->key[i];
    size_t left_size, right_size;
    left = eu_key_part(shape, left, i, &left_size);
    right = eu_key_part(shape, right, i, &right_size);
    if (part->kind == PART_NUMBER && eu_field_is_network(&part->field))
        return memcmp(left, right, part->size);
    if (part->kind == PART_NUMBER) {
        int64_t x, y;
        memcpy(&x, left, 8);
        memcpy(&y, right, 8);
        return part->is_signed ? (x > y) - (x < y) : ((uint64_t)x > (uint64_t)y) - ((uint64_t)x < (uint64_t)y);
    }
    const struct eu_plan_type *type = &a->show.plan->types[part->field.type];
    if (type->kind == EU_FLOAT && part->size <= 8) {
        struct part at_start = {.size = part->size};
        double x = eu_part_float(&at_start, left), y = eu_part_float(&at_start, right);
        return (x > y) - (x < y);
    }
    if (plan_is_scalar(type) && part->size == 16 && !eu_field_is_network(&part->field)) {
        wide x, y;
        memcpy(&x, left, 16);
        memcpy(&y, right, 16);
        if (part->is_signed)
            return (x > y) - (x < y);
        return ((unsigned __int128)x > (unsigned __int128)y) - ((unsigned __int128)x < (unsigned __int128)y);
    }
    int order = memcmp(left, right, left_size < right_size ? left_size : right_size);
    return order ? order : (left_size > right_size) - (left_size < right_size);
}
