/* Sampled maps as histograms. */
#define _GNU_SOURCE
#include "error.h"
#include "histogram.h"
#include "sample_parts.h"
#include <errno.h>
#include <stdlib.h>

enum { SLOTS_LIMIT = 4096 };

/* Histograms. Their slots are an array in the value, or elements of their own whose key has the slot's index. */

struct shape {
    const struct eu_plan_type *slot;       /* of one slot in the value */
    uint32_t slots, offset;                /* slots in the value: how many, where */
    const struct eu_plan_member *in_value; /* the member that holds them, NULL: the value is the array */
    const struct eu_plan_member *bucket;   /* slots are elements: the key's member, NULL: the whole key */
    const struct eu_plan_type *bucket_type;
};

static int is_slots(const struct eu_plan *plan, const struct eu_plan_type *type) {
    return type->kind == EU_ARRAY && type->count && plan->types[type->first].size <= 8 &&
           (plan->types[type->first].kind == EU_UINT || plan->types[type->first].kind == EU_INT);
}

static int find_slots(const struct eu_sample *s, struct shape *shape) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *value = type_at(s, s->source->value_type);
    int named = plan_member(plan, s->source->value_type, "slots");
    if (is_slots(plan, value)) {
        *shape = (struct shape){.slot = &plan->types[value->first], .slots = value->count};
        return 1;
    }
    for (uint32_t i = 0; value->kind == EU_STRUCT && i < value->count; i++) {
        const struct eu_plan_member *member = &plan->members[value->first + i];
        if (!is_slots(plan, &plan->types[member->type]) || (named >= 0 && i != (uint32_t)named))
            continue;
        const struct eu_plan_type *array = &plan->types[member->type];
        *shape =
            (struct shape){.slot = &plan->types[array->first], .slots = array->count, .offset = member->bit_offset / 8, .in_value = member};
        return 1;
    }
    return 0;
}

static int is_integer(const struct eu_plan_type *type) {
    return (type->kind == EU_UINT || type->kind == EU_INT) && type->size <= 8;
}

static int find_bucket(const struct eu_sample *s, struct shape *shape) {
    static const char *const names[] = {"slot", "bucket", "bin", "index", "idx"};
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *key = type_at(s, s->source->key_type), *value = type_at(s, s->source->value_type);
    if (!is_integer(value))
        return 0;
    if (is_integer(key)) {
        *shape = (struct shape){.bucket_type = key};
        return 1;
    }
    for (uint32_t i = 0; key->kind == EU_STRUCT && i < key->count; i++) {
        const struct eu_plan_member *member = &plan->members[key->first + i];
        if (!is_integer(&plan->types[member->type]) || member->bit_size)
            continue;
        *shape = (struct shape){.bucket = member, .bucket_type = &plan->types[member->type]};
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
            if (!strcmp(plan_string(plan, member->name), names[n]))
                return 1; /* else the last integer */
    }
    return shape->bucket != NULL;
}

static void heading_part(const struct eu_sample *s, struct eu_out *out, uint32_t index, const uint8_t *p, const struct eu_plan_member *but,
                         int *count) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = type_at(s, index);
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        if (member == but || !member->name)
            continue;
        eu_out_format(out, "%s%s = ", (*count)++ ? ", " : "", plan_string(plan, member->name));
        eu_member_text(&s->show, out, member, p);
    }
}

static void heading(const struct eu_sample *s, struct eu_out *out, const struct element *e, const struct shape *shape) {
    const struct eu_plan_type *key = type_at(s, s->source->key_type), *value = type_at(s, s->source->value_type);
    int count = 0;
    if (key->kind == EU_STRUCT)
        heading_part(s, out, s->source->key_type, e->key, shape->bucket, &count);
    else if (shape->slot && !(s->is_array && s->info.max_entries == 1)) {
        eu_out_format(out, "%s = ", "key");
        eu_value_text(&s->show, out, s->source->key_type, e->key, e->key + key->size, 0);
        count++;
    }
    if (shape->in_value && value->kind == EU_STRUCT)
        heading_part(s, out, s->source->value_type, e->value, shape->in_value, &count);
    if (e->cpu >= 0)
        eu_out_format(out, "%scpu = %d", count++ ? ", " : "", e->cpu);
    if (count)
        eu_out_char(out, '\n');
}

/* The first system's heading: "key =" and each field behind a space, then the value's other fields. */
static void compatible_heading(const struct eu_sample *s, struct eu_out *out, const struct element *e, const struct shape *shape) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *key = type_at(s, s->source->key_type), *value = type_at(s, s->source->value_type);
    eu_out_text(out, "key = ");
    if (key->kind == EU_STRUCT)
        for (uint32_t i = key->first; i < key->first + key->count; i++) {
            eu_out_char(out, ' ');
            eu_member_text(&s->show, out, &plan->members[i], e->key);
        }
    else {
        eu_out_char(out, ' ');
        eu_value_text(&s->show, out, s->source->key_type, e->key, e->key + key->size, 0);
    }
    eu_out_char(out, '\n');
    for (uint32_t i = value->first; value->kind == EU_STRUCT && i < value->first + value->count; i++) {
        if (&plan->members[i] == shape->in_value)
            continue;
        eu_out_format(out, "%s = ", plan_string(plan, plan->members[i].name));
        eu_member_text(&s->show, out, &plan->members[i], e->value);
        eu_out_char(out, '\n');
    }
    eu_out_char(out, '\n');
}

static void draw(const struct eu_sample *s, struct eu_out *out, const uint64_t *slots, size_t count) {
    const char *unit = plan_string(s->show.plan, s->source->unit);
    if (!*unit)
        unit = s->show.format.compat ? "(unit)" : "value";
    if (s->source->style == EU_LOG2_HIST)
        eu_log2_histogram(out, slots, count, unit);
    else
        eu_linear_histogram(out, slots, count, unit);
}

static int by_key(const void *a, const void *b, void *context) {
    const struct element *left = a, *right = b;
    int order = memcmp(left->key, right->key, ((const struct eu_sample *)context)->info.key_size);
    return order ? order : left->cpu - right->cpu;
}

static uint64_t *slots_of(const struct eu_sample *s, const struct shape *shape, const uint8_t *value) {
    uint64_t *slots = calloc(shape->slots + 1ul, sizeof(*slots));
    (void)s;
    for (uint32_t i = 0; slots && i < shape->slots; i++) {
        int64_t count = eu_scalar(shape->slot, value + shape->offset + (size_t)i * shape->slot->size);
        slots[i] = count < 0 ? 0 : (uint64_t)count;
    }
    return slots;
}

static void value_histograms(struct eu_sample *s, struct eu_out *out, const struct shape *shape) {
    qsort_r(s->elements, s->nr_elements, sizeof(*s->elements), by_key, s);
    for (size_t i = 0; i < s->nr_elements; i++) {
        const struct element *e = &s->elements[i];
        uint64_t *slots = slots_of(s, shape, e->value);
        if (!slots) {
            out->failed = 1;
            return;
        }
        if (s->show.format.compat) {
            compatible_heading(s, out, e, shape);
            draw(s, out, slots, shape->slots);
            eu_out_char(out, '\n');
        } else {
            size_t before = out->used;
            heading(s, out, e, shape);
            size_t headed = out->used;
            draw(s, out, slots, shape->slots);
            if (out->used == headed)
                out->used = before; /* all slots are 0 */
            else
                eu_out_char(out, '\n');
        }
        free(slots);
    }
}

static int64_t bucket_of(const struct shape *shape, const uint8_t *key) {
    return eu_scalar(shape->bucket_type, key + (shape->bucket ? shape->bucket->bit_offset / 8 : 0));
}

struct grouping {
    const struct eu_sample *s;
    const struct shape *shape;
};

/* Whether two keys differ in more than the slot; its sign orders them. */
static int compare_groups(const struct grouping *g, const struct element *left, const struct element *right) {
    size_t size = g->s->info.key_size, at = g->shape->bucket ? g->shape->bucket->bit_offset / 8 : 0, width = g->shape->bucket_type->size;
    int order = memcmp(left->key, right->key, at);
    if (!order)
        order = memcmp(left->key + at + width, right->key + at + width, size - at - width);
    return order ? order : left->cpu - right->cpu;
}

static int by_group(const void *a, const void *b, void *context) {
    const struct element *left = a, *right = b;
    const struct grouping *g = context;
    int order = compare_groups(g, left, right);
    int64_t x = bucket_of(g->shape, left->key), y = bucket_of(g->shape, right->key);
    return order ? order : (x > y) - (x < y);
}

static void draw_group(struct eu_sample *s, struct eu_out *out, const struct shape *shape, const struct element *first, size_t count) {
    const struct eu_plan_type *value = type_at(s, s->source->value_type);
    int log2 = s->source->style == EU_LOG2_HIST;
    uint64_t *values = calloc(2 * (count + SLOTS_LIMIT), sizeof(*values));
    if (!values) {
        out->failed = 1;
        return;
    }
    uint64_t *counts = values + count, last = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t bucket = bucket_of(shape, first[i].key);
        bucket = bucket < 0 ? 0 : bucket;
        values[i] = log2 && bucket > 63 ? 63 : (uint64_t)bucket;
        last = values[i] > last ? values[i] : last;
    }
    if (last < SLOTS_LIMIT && (log2 || last - values[0] < 4 * count + 64)) {
        uint64_t *slots = counts + count;
        for (size_t i = 0; i < count; i++)
            slots[values[i]] += (uint64_t)eu_scalar(value, first[i].value);
        draw(s, out, slots, last + 1);
    } else {
        const char *unit = plan_string(s->show.plan, s->source->unit);
        for (size_t i = 0; i < count; i++)
            counts[i] = (uint64_t)eu_scalar(value, first[i].value);
        eu_sparse_histogram(out, values, counts, count, *unit ? unit : "value");
    }
    free(values);
}

static void key_histograms(struct eu_sample *s, struct eu_out *out, const struct shape *shape) {
    struct grouping g = {s, shape};
    qsort_r(s->elements, s->nr_elements, sizeof(*s->elements), by_group, &g);
    for (size_t i = 0, next; i < s->nr_elements; i = next) {
        for (next = i + 1; next < s->nr_elements && !compare_groups(&g, &s->elements[i], &s->elements[next]); next++)
            ;
        size_t before = out->used;
        heading(s, out, &s->elements[i], shape);
        size_t headed = out->used;
        draw_group(s, out, shape, &s->elements[i], next - i);
        if (out->used == headed)
            out->used = before;
        else
            eu_out_char(out, '\n');
    }
}

int eu_sample_histograms(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    struct shape shape = {0};
    int in_value = find_slots(s, &shape);
    if (!in_value && !find_bucket(s, &shape))
        return eu_fail(EINVAL, "histogram of map %s: its value has no array of slots, and its key no slot's index", s->info.name);
    if (!s->nr_elements)
        return 0;
    if (time_size && !s->show.format.compat) {
        eu_out_put(out, time, time_size);
        eu_out_char(out, '\n');
    }
    if (s->named && !s->show.format.compat)
        eu_out_format(out, "%s\n", s->info.name);
    if (in_value)
        value_histograms(s, out, &shape);
    else
        key_histograms(s, out, &shape);
    return 0;
}
