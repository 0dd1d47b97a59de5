/* Fields by their paths: "comm", "inner.port", "argv[2]", "args[0].name". */
#ifndef EUNOMIA_FIELDS_H
#define EUNOMIA_FIELDS_H
#include "plan_read.h"
#include <stddef.h>

struct eu_field {
    uint32_t type;                 /* of the plan */
    uint32_t offset;               /* bytes from the start of the record (samples: of the key or of the value) */
    uint16_t bit_offset, bit_size; /* of a bit field, from `offset`, below 8; bit_size 0: the whole type */
    uint16_t decoder;              /* enum eu_decoder, 0: none (the type's own is already in it) */
    uint8_t in_value;              /* samples: of the value, else of the key */
    uint8_t is_beyond;             /* of an array that goes on to the record's end: there only where the record is that long */
    const char *name;              /* its last name, "" for an element of an array that stands alone */
};

/* The field of a type; where the type is no struct, "value" is all of it. 1 found, 0 the type has none of that path. */
int eu_field_find(const struct eu_plan *plan, uint32_t type, const char *path, size_t size, struct eu_field *field);
/* The field of a sampled map: `key`, `value`, `key.a`, `value.a`, or `a` of the key's or else of the value's; `count` is a value
 * that is a number. */
int eu_field_find_sample(const struct eu_plan *plan, const struct eu_plan_source *source, const char *path, size_t size,
                         struct eu_field *field);
/* Bytes from `offset` on that reading it takes. */
static inline size_t eu_field_size(const struct eu_plan *plan, const struct eu_field *field) {
    size_t bits = (field->bit_offset + field->bit_size + 7u) / 8, size = plan->types[field->type].size;
    return field->bit_size && bits > size ? bits : size;
}
/* Whether a record of this size holds it; only false where is_beyond. */
static inline int eu_field_is_there(const struct eu_plan *plan, const struct eu_field *field, size_t record_size) {
    return !field->is_beyond || (size_t)field->offset + eu_field_size(plan, field) <= record_size;
}

/* Whether its bytes stand in network order: then these, and not the number they would be here, say which value is larger. */
static inline int eu_field_is_network(const struct eu_field *field) {
    return !field->bit_size && (field->decoder == EU_PORT || (field->decoder >= EU_IP4 && field->decoder <= EU_IP));
}

/* The next path of a list joined by commas, without blanks around it: NULL at the end; *list moves on. */
const char *eu_next_path(const char **list, size_t *size);
#endif
