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

int eu_sample_find(const struct eu_plan *plan, const struct eu_plan_source *source, const char *path, size_t size, struct eu_field *field) {
    if (eu_field_find_sample(plan, source, path, size, field))
        return 1;
    if (size != 5 || memcmp(path, "count", 5) || plan->types[source->value_type].kind > EU_FLOAT) /* as its column is called */
        return 0;
    return eu_field_find_sample(plan, source, "value", 5, field);
}

void eu_sample_order_by(struct eu_sample *s, const char *path) {
    path += path ? strspn(path, " ") : 0;
    s->ascending = path && *path == '+';
    path += s->ascending;
    s->by_cpu = path && s->cpus && s->show.format.per_cpu && !strcmp(path, "cpu");
    s->is_sorted = path && (s->by_cpu || eu_sample_find(s->show.plan, s->source, path, strlen(path), &s->order_field));
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
    else if (f->bit_size || (plan_is_scalar(type) && type->kind != EU_FLOAT && type->size <= 8)) {
        rank = (uint64_t)(f->bit_size ? eu_bits(type, p, f->bit_offset, f->bit_size) : eu_scalar(type, p));
        if (type->kind == EU_INT || type->flags & EU_SIGNED)
            rank ^= 1ull << 63;
    } else if (type->kind == EU_FLOAT && type->size <= 8)
        rank = of_float(p, type->size);
    else
        rank = first_bytes(p, type->size, type->kind == EU_STRING);
    return s->ascending ? rank : ~rank;
}

/* Elements of the same rank: by the rest of what they are sorted by, then by their keys. */
static int by_rest(const struct eu_sample *s, const struct element *left, const struct element *right) {
    const struct eu_field *f = &s->order_field;
    const struct eu_plan_type *type = type_at(s, f->type);
    int order = 0;
    if (s->is_sorted && !s->by_cpu && !f->bit_size && !plan_is_scalar(type)) {
        const char *x = (const char *)(f->in_value ? left->value : left->key) + f->offset;
        const char *y = (const char *)(f->in_value ? right->value : right->key) + f->offset;
        order = type->kind == EU_STRING ? strncmp(x, y, type->size) : memcmp(x, y, type->size);
        order = s->ascending ? order : -order;
    }
    if (!order)
        order = memcmp(left->key, right->key, s->info.key_size);
    return order ? order : left->cpu - right->cpu;
}

static int by_rank(const void *a, const void *b, void *context) {
    const struct element *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return by_rest(context, left, right);
}

static int heap_order(uint32_t left, uint32_t right, const void *context) {
    const struct eu_sample *s = context;
    return by_rank(&s->elements[left], &s->elements[right], (void *)s);
}

/* The first `limit` of more elements. */
static int select_first(struct eu_sample *s, size_t limit) {
    struct eu_heap heap = {.items = malloc((limit + 1) * sizeof(uint32_t)), .room = limit, .order = heap_order, .context = s};
    struct element *first = malloc((limit + 1) * sizeof(*first));
    for (size_t i = 0; heap.items && first && i < s->nr_elements; i++)
        eu_heap_add(&heap, (uint32_t)i);
    if (heap.items && first) {
        eu_heap_sort(&heap);
        for (size_t i = 0; i < limit; i++)
            first[i] = s->elements[heap.items[i]];
        memcpy(s->elements, first, limit * sizeof(*first));
        s->nr_elements = limit;
    }
    int err = heap.items && first ? 0 : eu_fail(ENOMEM, "sample map %s: out of memory", s->info.name);
    free(heap.items);
    free(first);
    return err;
}

/* One pass for each byte in which ranks differ; what is equal stays in the map's order, comparing all keys of a large map would
 * cost more than reading it. */
static int sort_by_digits(struct eu_sample *s) {
    size_t n = s->nr_elements;
    struct element *other = malloc(n * sizeof(*other)), *from = s->elements, *to = other;
    if (!other)
        return eu_fail(ENOMEM, "sample map %s: out of memory", s->info.name);
    uint64_t all = ~0ull, any = 0;
    for (size_t i = 0; i < n; i++) {
        all &= from[i].rank;
        any |= from[i].rank;
    }
    for (int shift = 0; shift < 64; shift += 8) {
        size_t starts[257] = {0};
        if (!((all ^ any) >> shift & 0xff))
            continue;
        for (size_t i = 0; i < n; i++)
            starts[(from[i].rank >> shift & 0xff) + 1]++;
        for (int i = 0; i < 256; i++)
            starts[i + 1] += starts[i];
        for (size_t i = 0; i < n; i++)
            to[starts[from[i].rank >> shift & 0xff]++] = from[i];
        struct element *swap = from;
        from = to;
        to = swap;
    }
    if (from != s->elements)
        memcpy(s->elements, from, n * sizeof(*from));
    free(other);
    return 0;
}

int eu_sample_arrange(struct eu_sample *s, size_t limit) {
    s->hidden = limit < s->nr_elements ? s->nr_elements - limit : 0;
    for (size_t i = 0; i < s->nr_elements; i++)
        s->elements[i].rank = rank_of(s, &s->elements[i]);
    if (s->hidden)
        return select_first(s, limit);
    const struct eu_plan_type *type = type_at(s, s->order_field.type);
    int is_whole = s->by_cpu || s->order_field.bit_size || plan_is_scalar(type); /* equal ranks are equal values */
    if (s->nr_elements >= MANY && is_whole)
        return sort_by_digits(s);
    qsort_r(s->elements, s->nr_elements, sizeof(*s->elements), by_rank, s);
    return 0;
}
