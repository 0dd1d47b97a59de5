/* The order of a sampled map's elements: by their count, or by --sort; with --top the first of them. */
#define _GNU_SOURCE
#include "error.h"
#include "heap.h"
#include "sample_parts.h"
#include <errno.h>
#include <stdlib.h>

enum { MANY = 1 << 12 /* from here on sorted by digits */ };

static int is_integer(const struct eu_plan_type *type) {
    return (type->kind == EU_UINT || type->kind == EU_INT) && type->size <= 8;
}

/* The number by which rows are sorted unless told: the value, or its first number. */
static int default_field(const struct eu_sample *s, struct eu_field *field) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = type_at(s, s->source->value_type);
    *field = (struct eu_field){.type = s->source->value_type, .in_value = 1};
    if (is_integer(type))
        return 1;
    for (uint32_t i = type->first; type->kind == EU_STRUCT && i < type->first + type->count; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        if (!is_integer(&plan->types[member->type]) || member->bit_size)
            continue;
        field->type = member->type;
        field->offset = member->bit_offset / 8;
        return 1;
    }
    return 0;
}

void eu_sample_order_by(struct eu_sample *s, const char *path) {
    if (path)
        path += strspn(path, " ");
    s->ascending = path && *path == '+';
    if (s->ascending)
        path++;
    s->by_cpu = path && s->show.format.per_cpu && !strcmp(path, "cpu");
    s->is_sorted = path && (s->by_cpu || eu_field_find_sample(s->show.plan, s->source, path, strlen(path), &s->order_field));
    if (s->is_sorted)
        return;
    s->ascending = s->by_cpu = 0;
    s->has_order = default_field(s, &s->order_field);
}

/* Of texts and bytes: the first eight as one number. */
static uint64_t first_bytes(const uint8_t *p, size_t size, int is_text) {
    uint8_t first[8] = {0};
    uint64_t number;
    size = is_text ? strnlen((const char *)p, size) : size;
    memcpy(first, p, size < 8 ? size : 8);
    memcpy(&number, first, 8);
    return __builtin_bswap64(number);
}

static uint64_t of_float(const uint8_t *p, size_t size) {
    double value;
    float single;
    uint64_t bits;
    if (size == 4) {
        memcpy(&single, p, 4);
        value = (double)single;
    } else {
        memcpy(&value, p, 8);
    }
    memcpy(&bits, &value, 8);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}

/* A number that is the smaller the earlier the element stands. */
static uint64_t rank_of(const struct eu_sample *s, const struct element *e) {
    const struct eu_field *f = &s->order_field;
    const struct eu_plan_type *type = type_at(s, f->type);
    const uint8_t *p = (f->in_value ? e->value : e->key) + f->offset;
    uint64_t rank;
    if (s->by_cpu)
        rank = (uint64_t)e->cpu;
    else if (!s->is_sorted && !s->has_order)
        return 0;
    else if (eu_field_is_network(f))
        rank = first_bytes(p, type->size, 0);
    else if (f->bit_size || (plan_is_scalar(type) && type->kind != EU_FLOAT && type->size <= 8)) {
        rank = (uint64_t)(f->bit_size ? eu_bits(type, p, f->bit_offset, f->bit_size) : eu_scalar(type, p));
        if (type->kind == EU_INT || type->flags & EU_SIGNED)
            rank ^= 1ull << 63;
    } else if (type->kind == EU_FLOAT && type->size <= 8)
        rank = of_float(p, type->size);
    else if (plan_is_scalar(type)) { /* 16 bytes: the upper half first */
        memcpy(&rank, p + 8, 8);
        rank ^= type->kind == EU_INT ? 1ull << 63 : 0;
    } else
        rank = first_bytes(p, type->size, type->kind == EU_STRING);
    return s->ascending ? rank : ~rank;
}

/* Elements of the same rank: by the rest of what they are sorted by, then by their keys. */
static int by_rest(const struct eu_sample *s, const struct element *left, const struct element *right) {
    const struct eu_field *f = &s->order_field;
    const struct eu_plan_type *type = type_at(s, f->type);
    int order = 0;
    if (s->is_sorted && !s->by_cpu && !f->bit_size && (!plan_is_scalar(type) || type->size > 8)) {
        const char *x = (const char *)(f->in_value ? left->value : left->key) + f->offset;
        const char *y = (const char *)(f->in_value ? right->value : right->key) + f->offset;
        uint64_t low_x, low_y;
        if (plan_is_scalar(type) && !eu_field_is_network(f)) {
            memcpy(&low_x, x, 8);
            memcpy(&low_y, y, 8);
            order = (low_x > low_y) - (low_x < low_y);
        } else {
            order = type->kind == EU_STRING ? strncmp(x, y, type->size) : memcmp(x, y, type->size);
        }
        order = s->ascending ? order : -order;
    }
    if (!order)
        order = memcmp(left->key, right->key, s->info.key_size);
    return order ? order : left->cpu - right->cpu;
}

struct ranked {
    uint64_t rank; /* the smaller the earlier it stands */
    uint32_t at;   /* in `elements` */
};

struct ranking {
    const struct eu_sample *s;
    struct ranked *rows, *other;
};

static int by_rank(const void *a, const void *b, void *context) {
    const struct ranked *left = a, *right = b;
    const struct eu_sample *s = context;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return by_rest(s, &s->elements[left->at], &s->elements[right->at]);
}

static int heap_order(uint32_t left, uint32_t right, const void *context) {
    const struct ranking *r = context;
    return by_rank(&r->rows[left], &r->rows[right], (void *)r->s);
}

/* The first `limit` of more rows. */
static int select_first(struct ranking *r, size_t count, size_t limit) {
    struct eu_heap heap = {.items = malloc((limit + 1) * sizeof(uint32_t)), .room = limit, .order = heap_order, .context = r};
    if (!heap.items)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        eu_heap_add(&heap, (uint32_t)i);
    eu_heap_sort(&heap);
    for (size_t i = 0; i < limit; i++)
        r->other[i] = r->rows[heap.items[i]];
    memcpy(r->rows, r->other, limit * sizeof(*r->rows));
    free(heap.items);
    return 0;
}

/* One pass for each byte in which ranks differ; what is equal stays in the map's order: comparing all keys of a large map would
 * cost more than reading it. */
static void sort_by_digits(struct ranking *r, size_t count) {
    size_t counts[8][256] = {0};
    for (size_t i = 0; i < count; i++)
        for (int digit = 0; digit < 8; digit++)
            counts[digit][r->rows[i].rank >> 8 * digit & 255]++;
    for (int digit = 0; digit < 8; digit++) {
        size_t start = 0, *starts = counts[digit];
        if (starts[r->rows[0].rank >> 8 * digit & 255] == count)
            continue;
        for (int i = 0; i < 256; i++) {
            size_t size = starts[i];
            starts[i] = start;
            start += size;
        }
        for (size_t i = 0; i < count; i++)
            r->other[starts[r->rows[i].rank >> 8 * digit & 255]++] = r->rows[i];
        struct ranked *swap = r->rows;
        r->rows = r->other;
        r->other = swap;
    }
}

/* Elements in the order of the rows. */
static int permute(struct eu_sample *s, const struct ranking *r) {
    struct element *ordered = malloc((s->room_elements + 1) * sizeof(*ordered));
    if (!ordered)
        return -ENOMEM;
    for (size_t i = 0; i < s->nr_elements; i++)
        ordered[i] = s->elements[r->rows[i].at];
    free(s->elements);
    s->elements = ordered;
    return 0;
}

int eu_sample_arrange(struct eu_sample *s, size_t limit) {
    size_t count = s->nr_elements;
    const struct eu_plan_type *type = type_at(s, s->order_field.type);
    int is_whole = s->by_cpu || s->order_field.bit_size || (plan_is_scalar(type) && type->size <= 8); /* equal ranks are equal values */
    struct ranking r = {s, malloc((count + 1) * sizeof(*r.rows)), malloc((count + 1) * sizeof(*r.rows))};
    int err = r.rows && r.other ? 0 : -ENOMEM;
    s->hidden = limit < count ? count - limit : 0;
    for (size_t i = 0; i < count && !err; i++)
        r.rows[i] = (struct ranked){rank_of(s, &s->elements[i]), (uint32_t)i};
    if (!err && s->hidden)
        err = select_first(&r, count, limit);
    else if (!err && count >= MANY && is_whole)
        sort_by_digits(&r, count);
    else if (!err)
        qsort_r(r.rows, count, sizeof(*r.rows), by_rank, s);
    s->nr_elements = count - s->hidden;
    if (!err)
        err = permute(s, &r);
    free(r.rows);
    free(r.other);
    return err ? eu_fail(ENOMEM, "sample map %s: out of memory", s->info.name) : 0;
}
