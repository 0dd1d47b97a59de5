/* Reading a plan: every offset, count and index is checked here, cycles and blow-ups refused. */
#include "error.h"
#include "plan_read.h"
#include "text.h"
#include "view.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_LIMIT = 4096 };

struct check {
    struct eu_plan *plan;
    uint8_t *state;   /* per type: 0 unseen, 1 being checked, 2 checked */
    uint32_t *weight; /* values that one of it shows, capped */
    uint8_t *height;  /* types within it, itself included */
    uint64_t work;    /* members looked at */
};

static int damaged(const char *what, unsigned long index) {
    return eu_fail(EBADMSG, "read plan: damaged: %s (%lu)", what, index);
}

static uint32_t capped(uint64_t weight) {
    return weight > PLAN_WEIGHT_LIMIT ? PLAN_WEIGHT_LIMIT + 1 : (uint32_t)weight;
}

static int check_type(struct check *c, uint32_t index, int depth);

static int check_array(struct check *c, uint32_t index, int depth) {
    struct eu_plan_type *type = &c->plan->types[index], *element;
    int err = check_type(c, type->first, depth + 1);
    if (err)
        return err;
    element = &c->plan->types[type->first];
    if (type->count && (uint64_t)type->count * element->size > type->size)
        return damaged("array longer than its type", index);
    if (!type->count) {
        /* bounded by the record: an element must cost bytes for what it shows */
        if (element->size && c->weight[type->first] > 64 * (uint64_t)element->size)
            return damaged("array of unbounded values", index);
        c->plan->flexible[index] = 1;
    }
    c->weight[index] = capped(1 + (uint64_t)type->count * c->weight[type->first]);
    c->height[index] = 1 + c->height[type->first];
    return 0;
}

static int check_members(struct check *c, uint32_t index, int depth) {
    struct eu_plan *plan = c->plan;
    struct eu_plan_type *type = &plan->types[index];
    uint64_t weight = 1;
    if (type->first > plan->header.nr_members || type->count > plan->header.nr_members - type->first)
        return damaged("members out of range", index);
    if ((c->work += type->count) > PLAN_WEIGHT_LIMIT) /* types may share members, but not without end */
        return damaged("too many members", index);
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        struct eu_plan_member *member = &plan->members[i];
        if (member->name >= plan->header.strings_size)
            return damaged("name out of range", i);
        size_t name_size = strnlen(plan_string(plan, member->name), NAME_LIMIT);
        if (name_size == NAME_LIMIT)
            return damaged("name too long", i);
        int err = check_type(c, member->type, depth + 1);
        if (err)
            return err;
        struct eu_plan_type *of = &plan->types[member->type];
        if (member->bit_size) {
            if (!plan_is_scalar(of) || member->bit_size > 64 || (uint64_t)member->bit_offset + member->bit_size > type->size * 8ull)
                return damaged("bit field beyond its struct", i);
        } else if (member->bit_offset % 8 || member->bit_offset / 8 + (uint64_t)of->size > type->size) {
            return damaged("member beyond its struct", i);
        }
        if (plan->flexible[member->type])
            plan->flexible[index] = 1;
        weight = capped(weight + c->weight[member->type] + name_size / 32);
        if (weight > PLAN_WEIGHT_LIMIT)
            return damaged("type shows too many values", index);
        if (c->height[member->type] >= c->height[index])
            c->height[index] = 1 + c->height[member->type];
    }
    c->weight[index] = (uint32_t)weight;
    return 0;
}

static int check_type(struct check *c, uint32_t index, int depth) {
    struct eu_plan *plan = c->plan;
    if (index >= plan->header.nr_types)
        return damaged("type out of range", index);
    struct eu_plan_type *type = &plan->types[index];
    if (c->state[index] == 2)
        return 0;
    if (c->state[index] == 1)
        return damaged("type contains itself", index);
    if (depth > PLAN_DEPTH)
        return damaged("types nested too deep", index);
    if (type->size > PLAN_RECORD_LIMIT)
        return damaged("type too large", index);
    if (type->name >= plan->header.strings_size)
        return damaged("name out of range", index);
    c->state[index] = 1;
    c->weight[index] = 1;
    c->height[index] = 1;
    int err = 0;
    switch (type->kind) {
    case EU_UINT:
    case EU_INT:
    case EU_BOOL:
    case EU_FLOAT:
    case EU_POINTER:
        if (!type->size || type->size > 16 || (type->size > 8 && type->size != 16))
            err = damaged("width of a number", index);
        break;
    case EU_ENUM:
        if (!type->size || type->size > 8)
            err = damaged("width of an enum", index);
        else if (type->first > plan->header.nr_values || type->count > plan->header.nr_values - type->first)
            err = damaged("enum values out of range", index);
        break;
    case EU_STRING:
        if (!type->size)
            plan->flexible[index] = 1;
        c->weight[index] = 1 + type->size / 16;
        break;
    case EU_OPAQUE:
        c->weight[index] = 1 + type->size / 16;
        break;
    case EU_ARRAY:
        err = check_array(c, index, depth);
        break;
    case EU_STRUCT:
    case EU_UNION:
        err = check_members(c, index, depth);
        break;
    default:
        err = damaged("unknown kind of type", index);
    }
    if (!err && c->height[index] > PLAN_DEPTH)
        err = damaged("types nested too deep", index);
    if (!err && c->weight[index] > PLAN_WEIGHT_LIMIT)
        err = damaged("type shows too many values", index);
    c->state[index] = 2;
    return err;
}

static int check_role(struct eu_plan *plan, const struct eu_plan_source *source, uint32_t role, unsigned long index) {
    uint32_t type;
    if (role == EU_PLAN_NONE)
        return 0;
    if (source->kind != EU_SAMPLE && role & EU_IN_VALUE)
        return damaged("role in the value of an event", index);
    if (source->kind == EU_SAMPLE)
        type = role & EU_IN_VALUE ? source->value_type : source->key_type;
    else
        type = source->nr_records ? plan->records[source->first_record].type : EU_PLAN_NONE;
    if (type == EU_PLAN_NONE || plan->types[type].kind != EU_STRUCT)
        return damaged("role without a struct", index);
    if ((role & ~EU_IN_VALUE) >= plan->types[type].count)
        return damaged("role out of range", index);
    return 0;
}

static int check_source(struct check *c, uint32_t index) {
    struct eu_plan *plan = c->plan;
    struct eu_plan_source *source = &plan->sources[index];
    if (source->map >= plan->header.strings_size || source->unit >= plan->header.strings_size)
        return damaged("string out of range", index);
    if (source->kind != EU_RING && source->kind != EU_PERF && source->kind != EU_SAMPLE)
        return damaged("unknown kind of source", index);
    if (source->style > EU_STACKS)
        return damaged("unknown style of source", index);
    if (source->kind == EU_SAMPLE) {
        if (source->key_type >= plan->header.nr_types || source->value_type >= plan->header.nr_types)
            return damaged("type of a sample out of range", index);
    } else if (source->first_record > plan->header.nr_records || source->nr_records > plan->header.nr_records - source->first_record) {
        return damaged("records out of range", index);
    }
    if (source->role[EU_ROLE_STACK_MAP] != EU_PLAN_NONE && source->role[EU_ROLE_STACK_MAP] >= plan->header.strings_size)
        return damaged("string out of range", index);
    for (int i = 0; i < EU_ROLE_STACK_MAP; i++) {
        int err = check_role(plan, source, source->role[i], index);
        if (err)
            return err;
    }
    return 0;
}

static int check(struct check *c) {
    struct eu_plan *plan = c->plan;
    int err = 0;
    for (uint32_t i = 0; i < plan->header.nr_types && !err; i++)
        err = check_type(c, i, 0);
    for (uint32_t i = 0; i < plan->header.nr_members && !err; i++)
        if (plan->members[i].name >= plan->header.strings_size)
            err = damaged("name out of range", i);
    for (uint32_t i = 0; i < plan->header.nr_values && !err; i++)
        if (plan->values[i].name >= plan->header.strings_size)
            err = damaged("name out of range", i);
    uint64_t weight = 0;
    for (uint32_t i = 0; i < plan->header.nr_records && !err; i++) {
        struct eu_plan_record *record = &plan->records[i];
        if (record->type >= plan->header.nr_types)
            err = damaged("type of a record out of range", i);
        else if ((weight += c->weight[record->type]) > 8ull * PLAN_WEIGHT_LIMIT) /* types may be shared, but not without end */
            err = damaged("records show too many values", i);
        else if (record->flags & EU_MATCH_VALUE &&
                 (record->value_offset > PLAN_RECORD_LIMIT || !record->value_size || record->value_size > 8))
            err = damaged("value that tells types apart", i);
    }
    for (uint32_t i = 0; i < plan->header.nr_sources && !err; i++)
        err = check_source(c, i);
    return err;
}

static void *take(const uint8_t **at, size_t count, size_t size) {
    void *copy = malloc(count * size + 1);
    if (copy)
        memcpy(copy, *at, count * size);
    *at += count * size;
    return copy;
}

static int check_header(const struct eu_plan_header *h, size_t size) {
    if (memcmp(h->magic, EU_PLAN_MAGIC, 4))
        return eu_fail(EBADMSG, "read plan: not a plan");
    if (h->version != EU_PLAN_VERSION)
        return eu_fail(ENOTSUP, "read plan: version %d, expected %d", h->version, EU_PLAN_VERSION);
    uint64_t needed = (uint64_t)h->nr_types * sizeof(struct eu_plan_type) + (uint64_t)h->nr_members * sizeof(struct eu_plan_member) +
                      (uint64_t)h->nr_values * sizeof(struct eu_plan_value) + (uint64_t)h->nr_sources * sizeof(struct eu_plan_source) +
                      (uint64_t)h->nr_records * sizeof(struct eu_plan_record) + h->strings_size + h->header_size;
    if (h->nr_records > PLAN_RECORDS_LIMIT)
        return eu_fail(EBADMSG, "read plan: damaged: %u record types", h->nr_records);
    if (h->total_size != size || h->header_size < sizeof(*h) || needed != size || !h->strings_size)
        return eu_fail(EBADMSG, "read plan: %zu bytes, expected %llu", size, (unsigned long long)needed);
    return 0;
}

/* Names and units reach the terminal as they are: what would be more than text there becomes '?', once and for all. */
static void make_safe(char *strings, size_t size) {
    char *safe = malloc(size * EU_TEXT_GROWTH + EU_STRING_SLACK);
    for (size_t at = 0, length; at < size; at += length + 1) {
        size_t hidden = 0;
        length = strlen(strings + at);
        int changes = !safe || eu_text_string(safe, (uint8_t *)strings + at, length, &hidden) != safe + length;
        for (size_t i = at; i < at + length && changes; i++)
            if ((signed char)strings[i] < 0x20 || strings[i] == 0x7f) /* beyond ASCII too */
                strings[i] = '?';
    }
    free(safe);
}

struct eu_plan *eu_plan_read(const void *bytes, size_t size) {
    struct eu_plan_header header;
    if (size < sizeof(header) || size > PLAN_LIMIT)
        return eu_fail_null(EBADMSG, "read plan: %zu bytes are not a plan", size);
    memcpy(&header, bytes, sizeof(header));
    if (check_header(&header, size))
        return NULL;
    struct eu_plan *plan = calloc(1, sizeof(*plan));
    struct check c = {.plan = plan,
                      .state = calloc(header.nr_types + 1, 1),
                      .weight = calloc(header.nr_types + 1, sizeof(uint32_t)),
                      .height = calloc(header.nr_types + 1, 1)};
    if (!plan || !c.state || !c.weight || !c.height)
        goto memory;
    const uint8_t *at = (const uint8_t *)bytes + header.header_size;
    plan->header = header;
    plan->types = take(&at, header.nr_types, sizeof(*plan->types));
    plan->members = take(&at, header.nr_members, sizeof(*plan->members));
    plan->values = take(&at, header.nr_values, sizeof(*plan->values));
    plan->sources = take(&at, header.nr_sources, sizeof(*plan->sources));
    plan->records = take(&at, header.nr_records, sizeof(*plan->records));
    plan->strings = take(&at, header.strings_size, 1);
    plan->flexible = calloc(header.nr_types + 1, 1);
    if (!plan->types || !plan->members || !plan->values || !plan->sources || !plan->records || !plan->strings || !plan->flexible)
        goto memory;
    if (plan->strings[header.strings_size - 1] || plan->strings[0])
        eu_fail(EBADMSG, "read plan: damaged: strings do not begin and end with NUL");
    else if (!check(&c)) {
        make_safe(plan->strings, header.strings_size);
        free(c.state);
        free(c.weight);
        free(c.height);
        return plan;
    }
    goto fail;
memory:
    eu_fail(ENOMEM, "read plan: out of memory");
fail:
    free(c.state);
    free(c.weight);
    free(c.height);
    eu_plan_free(plan);
    return NULL;
}

void eu_plan_free(struct eu_plan *plan) {
    if (!plan)
        return;
    eu_view_free(plan->cached);
    free(plan->types);
    free(plan->members);
    free(plan->values);
    free(plan->sources);
    free(plan->records);
    free(plan->strings);
    free(plan->flexible);
    free(plan);
}

int eu_plan_sources(const struct eu_plan *plan) {
    return (int)plan->header.nr_sources;
}

void eu_plan_without_rings(struct eu_plan *plan) {
    for (uint32_t i = 0; i < plan->header.nr_sources; i++)
        if (plan->sources[i].kind == EU_RING)
            plan->sources[i].kind = EU_PERF;
}

int eu_plan_has_events(const struct eu_plan *plan) {
    for (uint32_t i = 0; i < plan->header.nr_sources; i++)
        if (plan->sources[i].kind != EU_SAMPLE)
            return 1;
    return 0;
}

const char *plan_enum_name(const struct eu_plan *plan, const struct eu_plan_type *type, int64_t value) {
    const struct eu_plan_value *values = plan->values + type->first;
    if ((uint64_t)value < type->count && values[value].value == value) /* the usual enum counts from 0 */
        return plan_string(plan, values[value].name);
    for (uint32_t i = 0; i < type->count; i++)
        if (values[i].value == value)
            return plan_string(plan, values[i].name);
    return NULL;
}

int plan_member(const struct eu_plan *plan, uint32_t type, const char *name) {
    const struct eu_plan_type *of = &plan->types[type];
    if (of->kind != EU_STRUCT && of->kind != EU_UNION)
        return -1;
    for (uint32_t i = 0; i < of->count; i++)
        if (!strcmp(plan_string(plan, plan->members[of->first + i].name), name))
            return (int)i;
    return -1;
}
