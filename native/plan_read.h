/* A plan in memory: plan.h's arrays, checked once so that nothing below needs to check them again. */
#ifndef EUNOMIA_PLAN_READ_H
#define EUNOMIA_PLAN_READ_H
#include "eunomia.h"
#include "plan.h"
#include <stdint.h>

enum {
    PLAN_LIMIT = 16 << 20,        /* bytes of a plan */
    PLAN_DEPTH = 32,              /* types within types */
    PLAN_WEIGHT_LIMIT = 1 << 21,  /* values that one record may show */
    PLAN_RECORD_LIMIT = 16 << 20, /* bytes of a record */
    PLAN_RECORDS_LIMIT = 4096     /* record types of all sources */
};

struct eu_layout_cache;
struct eu_plan {
    struct eu_plan_header header;
    struct eu_plan_type *types;
    struct eu_plan_member *members;
    struct eu_plan_value *values;
    struct eu_plan_source *sources;
    struct eu_plan_record *records;
    char *strings;
    uint8_t *flexible;      /* per type: its end is the record's end */
    struct eu_view *cached; /* eu_render's last view */
    struct eu_format cached_format;
    int cached_source;
};

static inline const char *plan_string(const struct eu_plan *plan, uint32_t offset) {
    return plan->strings + offset;
}

static inline int plan_is_scalar(const struct eu_plan_type *type) {
    return type->kind <= EU_POINTER || type->kind == EU_ENUM;
}

/* Name of an enum's value, or NULL. */
const char *plan_enum_name(const struct eu_plan *plan, const struct eu_plan_type *type, int64_t value);
/* Member of a struct by name; -1 when it has none. */
int plan_member(const struct eu_plan *plan, uint32_t type, const char *name);
#endif
