/* Any value of any type as JSON: the general way; records' plain members go the fast one of view.c. */
#ifndef EUNOMIA_VALUE_H
#define EUNOMIA_VALUE_H
#include "out.h"
#include "plan_read.h"

struct eu_show {
    const struct eu_plan *plan;
    struct eu_format format;
};

/* The value at p; its fixed part is readable, flexible arrays go on to `end`. */
void eu_value_json(const struct eu_show *show, struct eu_out *out, uint32_t type, const uint8_t *p, const uint8_t *end, int decoder);
/* A struct's member, which may be a bit field; p is the start of the struct. */
void eu_member_json(const struct eu_show *show, struct eu_out *out, const struct eu_plan_member *member, const uint8_t *p,
                    const uint8_t *end);
/* Members of a struct or union as `"name":value` joined by commas, anonymous ones flattened; returns how many. */
int eu_members_json(const struct eu_show *show, struct eu_out *out, uint32_t type, const uint8_t *p, const uint8_t *end, int first);
/* The same as a table shows them: strings bare, pointers in hexadecimal; structs and arrays as JSON. */
void eu_value_text(const struct eu_show *show, struct eu_out *out, uint32_t type, const uint8_t *p, const uint8_t *end, int decoder);
void eu_member_text(const struct eu_show *show, struct eu_out *out, const struct eu_plan_member *member, const uint8_t *p);
/* A map's key or value as JSON; compatible: always an object, a scalar under its type's name. */
void eu_element_json(const struct eu_show *show, struct eu_out *out, uint32_t type, const uint8_t *p);
void eu_quoted(struct eu_out *out, const void *bytes, size_t size);
/* Up to 8 bytes as an unsigned number. */
static inline uint64_t eu_load_up_to_8(const uint8_t *p, unsigned size) {
    uint64_t v = 0;
    switch (size) { /* sizes that the compiler knows are one instruction */
    case 1:
        return *p;
    case 2:
        memcpy(&v, p, 2);
        return v;
    case 4:
        memcpy(&v, p, 4);
        return v;
    }
    if (size >= 8)
        memcpy(&v, p, 8);
    else
        memcpy(&v, p, size);
    return v;
}
/* A scalar (not a float, at most 64 bits) as a number: sign-extended by its kind. */
int64_t eu_scalar(const struct eu_plan_type *type, const uint8_t *p);
int64_t eu_bits(const struct eu_plan_type *type, const uint8_t *p, uint32_t bit_offset, unsigned bit_size);
/* The scalar number of a type as JSON (or, with text, as a table shows it). */
void eu_number(const struct eu_show *show, struct eu_out *out, const struct eu_plan_type *type, int64_t value, int text);
/* The same of a bit field, with a decoder. */
void eu_bits_value(const struct eu_show *show, struct eu_out *out, uint32_t type, int64_t value, int decoder, int text);
/* Order of members in compatible JSON: byte order of the names; 0 terminates nothing, `order` has count entries. */
void eu_sorted_members(const struct eu_plan *plan, const struct eu_plan_type *type, uint32_t *order);
#endif
