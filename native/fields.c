/* Paths to places: which type lies at which offset of a record. */
#include "fields.h"
#include "error.h"
#include "near.h"
#include "out.h"
#include <errno.h>
#include <stdio.h>

enum { NAMED_LIMIT = 2000, PATH_LIMIT = 128, LISTED_LIMIT = 300 };

static int is_group(const struct eu_plan_type *type) {
    return type->kind == EU_STRUCT || type->kind == EU_UNION;
}

static int follow(const struct eu_plan *plan, const char *path, size_t size, struct eu_field *field);

/* Bytes of path that name this member: all of it, or up to a dot or bracket; 0: another's. */
static size_t named(const char *name, const char *path, size_t size) {
    size_t length = strlen(name);
    if (!length || length > size || memcmp(name, path, length))
        return 0;
    return length == size || path[length] == '.' || path[length] == '[' ? length : 0;
}

static int in_member(const struct eu_plan *plan, const struct eu_plan_member *member, const char *path, size_t size,
                     struct eu_field *field) {
    const struct eu_plan_type *type = &plan->types[member->type];
    struct eu_field found = *field;
    const char *name = plan_string(plan, member->name);
    found.type = member->type;
    found.offset = field->offset + member->bit_offset / 8;
    found.bit_offset = member->bit_offset % 8;
    found.bit_size = member->bit_size;
    found.decoder = member->decoder ? member->decoder : type->decoder;
    if (*name) {
        size_t length = named(name, path, size);
        found.name = name;
        if (!length || (member->bit_size && length < size) || !follow(plan, path + length, size - length, &found))
            return 0;
    } else if (!is_group(type) || !follow(plan, path - 1, size + 1, &found)) { /* its members are the parent's; the dot is skipped */
        return 0;
    }
    *field = found;
    return 1;
}

static int in_array(const struct eu_plan *plan, const struct eu_plan_type *type, const char *path, size_t size, struct eu_field *field) {
    const struct eu_plan_type *element = &plan->types[type->first];
    uint64_t index = 0;
    size_t at = 1;
    for (; at < size && path[at] >= '0' && path[at] <= '9' && index <= PLAN_RECORD_LIMIT; at++)
        index = 10 * index + (uint64_t)(path[at] - '0');
    if (at == 1 || at >= size || path[at] != ']' || !element->size || (type->count && index >= type->count))
        return 0;
    if (field->offset + index * element->size + element->size > PLAN_RECORD_LIMIT)
        return 0;
    field->offset += (uint32_t)(index * element->size);
    field->is_beyond |= !type->count;
    field->type = type->first;
    field->decoder = field->decoder ? field->decoder : element->decoder;
    return follow(plan, path + at + 1, size - at - 1, field);
}

/* Go on from a place: nothing left, ".member..." or "[index]...". */
static int follow(const struct eu_plan *plan, const char *path, size_t size, struct eu_field *field) {
    const struct eu_plan_type *type = &plan->types[field->type];
    if (!size)
        return 1;
    if (path[0] == '[' && type->kind == EU_ARRAY)
        return in_array(plan, type, path, size, field);
    if (!is_group(type) || path[0] != '.' || size < 2)
        return 0;
    for (uint32_t i = type->first; i < type->first + type->count; i++)
        if (in_member(plan, &plan->members[i], path + 1, size - 1, field))
            return 1;
    return 0;
}

static int find(const struct eu_plan *plan, uint32_t index, const char *whole, const char *path, size_t size, struct eu_field *field) {
    const struct eu_plan_type *type = &plan->types[index];
    size_t length = named(whole, path, size);
    char dotted[PATH_LIMIT + 1] = ".";
    if (!size || size >= PATH_LIMIT)
        return 0;
    *field = (struct eu_field){.type = index, .decoder = type->decoder, .name = whole};
    memcpy(dotted + 1, path, size);
    if (is_group(type) && follow(plan, dotted, size + 1, field))
        return 1;
    *field = (struct eu_field){.type = index, .decoder = type->decoder, .name = whole};
    return length && follow(plan, path + length, size - length, field);
}

int eu_field_find(const struct eu_plan *plan, uint32_t type, const char *path, size_t size, struct eu_field *field) {
    return find(plan, type, is_group(&plan->types[type]) ? "" : "value", path, size, field);
}

/* Keys and values have the size of their types: nothing follows that an array could go on in. */
int eu_field_find_sample(const struct eu_plan *plan, const struct eu_plan_source *source, const char *path, size_t size,
                         struct eu_field *field) {
    if (find(plan, source->key_type, "key", path, size, field))
        return !field->is_beyond;
    const struct eu_plan_type *value = &plan->types[source->value_type];
    int is_number = value->kind == EU_UINT || value->kind == EU_INT || value->kind == EU_FLOAT || value->kind == EU_POINTER;
    if (is_number && size == 5 && !memcmp(path, "count", 5)) /* as tables call it */
        path = "value";
    if (!find(plan, source->value_type, "value", path, size, field))
        return 0;
    field->in_value = 1;
    return !field->is_beyond;
}

const char *eu_next_path(const char **list, size_t *size) {
    const char *at = *list;
    while (at && (*at == ' ' || *at == ','))
        at++;
    if (!at || !*at)
        return NULL;
    size_t length = strcspn(at, ",");
    *list = at + length;
    while (length && at[length - 1] == ' ')
        length--;
    *size = length;
    return at;
}

/* What exists, for a message: the names near the wanted one, and the first ones. */
struct names {
    struct eu_near near;
    struct eu_out listed;
    char path[PATH_LIMIT];
    int count;
};

static void offer(struct names *names) {
    char whole[PATH_LIMIT + 4];
    struct eu_out *listed = &names->listed;
    eu_near_offer(&names->near, names->path);
    snprintf(whole, sizeof(whole), " %s,", names->path);
    if (listed->used && strstr(listed->data, whole)) /* another type has it too */
        return;
    if (listed->used < LISTED_LIMIT)
        eu_out_text(listed, whole);
    else if (listed->data[listed->used - 1] == ',')
        eu_out_text(listed, " ...");
    if (eu_out_room(listed, 1))
        listed->data[listed->used] = 0;
}

static void offer_members(const struct eu_plan *plan, struct names *names, uint32_t index, size_t at) {
    const struct eu_plan_type *type = &plan->types[index];
    if (!is_group(type))
        return;
    for (uint32_t i = type->first; i < type->first + type->count && names->count < NAMED_LIMIT; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        const char *name = plan_string(plan, member->name);
        size_t length = strlen(name);
        if (at + length + 2 > PATH_LIMIT)
            continue;
        memcpy(names->path + at, name, length + 1);
        names->count++;
        if (*name && !is_group(&plan->types[member->type])) {
            offer(names);
        } else {
            if (*name)
                memcpy(names->path + at + length++, ".", 2);
            offer_members(plan, names, member->type, at + length);
        }
    }
}

static void offer_type(const struct eu_plan *plan, struct names *names, uint32_t type, const char *whole) {
    if (is_group(&plan->types[type])) {
        offer_members(plan, names, type, 0);
    } else {
        snprintf(names->path, sizeof(names->path), "%s", whole);
        offer(names);
    }
}

static void offer_all(const struct eu_plan *plan, struct names *names) {
    for (uint32_t i = 0; i < plan->header.nr_sources; i++) {
        const struct eu_plan_source *source = &plan->sources[i];
        if (source->kind == EU_SAMPLE) {
            offer_type(plan, names, source->key_type, "key");
            offer_type(plan, names, source->value_type, "value");
        }
        for (uint32_t r = 0; r < source->nr_records && source->kind != EU_SAMPLE; r++)
            offer_type(plan, names, plan->records[source->first_record + r].type, "value");
    }
}

static int is_anywhere(const struct eu_plan *plan, const char *path, size_t size) {
    struct eu_field field;
    for (uint32_t i = 0; i < plan->header.nr_sources; i++) {
        const struct eu_plan_source *source = &plan->sources[i];
        if (source->kind == EU_SAMPLE && eu_field_find_sample(plan, source, path, size, &field))
            return 1;
        for (uint32_t r = 0; r < source->nr_records && source->kind != EU_SAMPLE; r++)
            if (eu_field_find(plan, plan->records[source->first_record + r].type, path, size, &field))
                return 1;
    }
    return 0;
}

static int unknown(const struct eu_plan *plan, const char *option, const char *path, size_t size) {
    struct names names = {0};
    char wanted[PATH_LIMIT], near[PATH_LIMIT + 32] = "";
    snprintf(wanted, sizeof(wanted), "%.*s", (int)(size < PATH_LIMIT ? size : PATH_LIMIT - 1), path);
    eu_near_start(&names.near, wanted);
    offer_all(plan, &names);
    size_t used = names.listed.used;
    if (used && names.listed.data[used - 1] == ',')
        names.listed.data[used - 1] = 0;
    if (names.near.best[0])
        snprintf(near, sizeof(near), "did you mean %s? ", names.near.best);
    int err = used ? eu_fail(EINVAL, "%s: no field %s [%sfields:%s]", option, wanted, near, names.listed.data)
                   : eu_fail(EINVAL, "%s: no field %s [there are no events]", option, wanted);
    eu_out_free(&names.listed);
    return err;
}

int eu_fields_check(const struct eu_plan *plan, const char *option, const char *list) {
    const char *path;
    size_t size;
    int count = 0;
    for (; (path = eu_next_path(&list, &size)); count++)
        if (!is_anywhere(plan, path, size))
            return unknown(plan, option, path, size);
    return count ? 0 : eu_fail(EINVAL, "%s: expected names of fields", option);
}
