/* --top N --sort FIELD without keys: the N events in which the field is largest, with copies of their records. */
#include "aggregate_parts.h"
#include "error.h"
#include "view.h"
#include <errno.h>
#include <stdlib.h>

enum { EVENTS_LIMIT = 1 << 20 };

struct kept {
    wide number;
    double real;
    uint64_t serial; /* of equal events the older one stays */
    int source, match;
    uint32_t size, room;
    uint8_t *record;
};

struct top {
    const struct eu_aggregate *a;
    struct eu_heap heap;
    struct kept *kept; /* one more than are shown: the newcomer */
    size_t bytes, spare;
    uint64_t serial;
    struct eu_view **views; /* one for each source that events came from */
};

/* Above 0: left comes later, that is, drops out earlier. */
static int order(uint32_t left, uint32_t right, const void *context) {
    const struct top *top = context;
    const struct kept *x = &top->kept[left], *y = &top->kept[right];
    int sign = top->a->is_float ? (x->real < y->real) - (x->real > y->real) : (x->number < y->number) - (x->number > y->number);
    if (sign)
        return top->a->ascending ? -sign : sign;
    return (x->serial > y->serial) - (x->serial < y->serial);
}

struct top *eu_top_new(struct eu_aggregate *a) {
    struct top *top = calloc(1, sizeof(*top));
    uint64_t room = a->options->top;
    if (room > EVENTS_LIMIT) {
        free(top);
        return eu_fail_null(EINVAL, "--top: %llu events, at most %d", (unsigned long long)room, EVENTS_LIMIT);
    }
    if (top) {
        *top = (struct top){.a = a, .spare = room, .heap = {.room = room, .order = order, .context = top}};
        top->kept = calloc(room + 1, sizeof(*top->kept));
        top->heap.items = calloc(room + 1, sizeof(*top->heap.items));
        top->views = calloc(a->show.plan->header.nr_sources + 1, sizeof(struct eu_view *));
    }
    if (top && top->kept && top->heap.items && top->views)
        return top;
    eu_top_free(top);
    return eu_fail_null(ENOMEM, "aggregate: out of memory");
}

void eu_top_free(struct top *top) {
    if (!top)
        return;
    for (size_t i = 0; top->kept && i <= top->heap.room; i++)
        free(top->kept[i].record);
    for (uint32_t i = 0; top->views && i < top->a->show.plan->header.nr_sources; i++)
        eu_view_free(top->views[i]);
    free(top->kept);
    free(top->heap.items);
    free(top->views);
    free(top);
}

void eu_top_clear(struct top *top) {
    top->heap.count = 0;
    top->spare = top->heap.room;
}

size_t eu_top_count(const struct top *top) {
    return top->heap.count;
}

static int copy_record(struct top *top, struct kept *kept, const uint8_t *record, size_t size) {
    if (size > kept->room) {
        uint8_t *larger = top->bytes + size - kept->room > BYTES_LIMIT ? NULL : realloc(kept->record, size);
        if (!larger)
            return -ENOMEM;
        top->bytes += size - kept->room;
        kept->record = larger;
        kept->room = (uint32_t)size;
    }
    if (size)
        memcpy(kept->record, record, size);
    kept->size = (uint32_t)size;
    return 0;
}

int eu_top_add(struct eu_aggregate *a, int source, int match, const struct shape *shape, const uint8_t *record, size_t size) {
    struct top *top = a->top;
    struct eu_heap *heap = &top->heap;
    uint32_t at = heap->count < heap->room ? (uint32_t)heap->count : (uint32_t)top->spare;
    struct kept *kept = &top->kept[at];
    const struct eu_plan *plan = a->show.plan;
    int64_t number = 0;
    kept->serial = top->serial++;
    kept->source = source;
    kept->match = match;
    if (plan->types[shape->number.field.type].kind == EU_FLOAT) {
        kept->real = eu_part_float(&shape->number, record);
        if (kept->real != kept->real)
            return 0; /* not a number: of no size */
    } else {
        number = eu_part_number(plan, &shape->number, record);
        kept->number = shape->number.is_signed ? (wide)number : (wide)(uint64_t)number;
        kept->real = (double)kept->number;
    }
    if (heap->count == heap->room && order(at, heap->items[0], top) >= 0)
        return 0;
    if (copy_record(top, kept, record, size))
        return -ENOMEM;
    if (heap->count < heap->room)
        eu_heap_add(heap, at);
    else
        top->spare = eu_heap_add(heap, at);
    return 0;
}

static struct eu_view *view_of(struct top *top, int source) {
    struct eu_format format = top->a->show.format;
    format.time = format.format ? format.time : 0; /* the time of text stands above the rows: it is not that of the events */
    if (!top->views[source])
        top->views[source] = eu_view_new(top->a->show.plan, source, &format, 1);
    return top->views[source];
}

size_t eu_top_rows(struct eu_aggregate *a, struct eu_out *out, const char *time, size_t time_size, size_t limit) {
    struct top *top = a->top;
    int last_source = -1, last_match = -1, is_text = !a->show.format.format;
    eu_heap_sort(&top->heap);
    size_t count = top->heap.count < limit ? top->heap.count : limit;
    for (size_t i = 0; i < count; i++) {
        const struct kept *kept = &top->kept[top->heap.items[i]];
        struct eu_view *view = view_of(top, kept->source);
        if (!view) {
            out->failed = 1;
            return i;
        }
        if (a->show.format.header && (is_text ? kept->source != last_source || kept->match != last_match : !i && !a->has_header))
            eu_view_header(view, out, kept->match);
        last_source = kept->source;
        last_match = kept->match;
        eu_view_record(view, out, time, is_text ? 0 : time_size, kept->match, kept->record, kept->size);
    }
    eu_heap_restore(&top->heap);
    return count;
}
