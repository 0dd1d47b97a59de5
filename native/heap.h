/* The first items of many in an order, found without sorting all of them. */
#ifndef EUNOMIA_HEAP_H
#define EUNOMIA_HEAP_H
#include <stddef.h>
#include <stdint.h>

/* Above 0: left comes after right. */
typedef int eu_order(uint32_t left, uint32_t right, const void *context);
struct eu_heap { /* keeps the first `room` items; the last of these is items[0] */
    uint32_t *items;
    size_t count, room;
    eu_order *order;
    const void *context;
};
/* Take an item; returns what did not stay (maybe the item itself), or UINT32_MAX where there was room. */
uint32_t eu_heap_add(struct eu_heap *heap, uint32_t item);
/* Put the items in order. */
void eu_heap_sort(struct eu_heap *heap);
/* Make what was sorted a heap again. */
void eu_heap_restore(struct eu_heap *heap);
#endif
