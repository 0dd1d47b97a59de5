#include "heap.h"

static void down(struct eu_heap *h, size_t i, size_t count) {
    uint32_t item = h->items[i];
    for (size_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && h->order(h->items[child + 1], h->items[child], h->context) > 0)
            child++;
        if (h->order(h->items[child], item, h->context) <= 0)
            break;
        h->items[i] = h->items[child];
    }
    h->items[i] = item;
}

static void up(struct eu_heap *h, size_t i) {
    uint32_t item = h->items[i];
    for (size_t parent; i && h->order(item, h->items[parent = (i - 1) / 2], h->context) > 0; i = parent)
        h->items[i] = h->items[parent];
    h->items[i] = item;
}

uint32_t eu_heap_add(struct eu_heap *h, uint32_t item) {
    if (h->count < h->room) {
        h->items[h->count] = item;
        up(h, h->count++);
        return UINT32_MAX;
    }
    if (!h->count || h->order(item, h->items[0], h->context) >= 0)
        return item;
    uint32_t out = h->items[0];
    h->items[0] = item;
    down(h, 0, h->count);
    return out;
}

void eu_heap_sort(struct eu_heap *h) {
    for (size_t left = h->count; left-- > 1;) {
        uint32_t largest = h->items[0];
        h->items[0] = h->items[left];
        h->items[left] = largest;
        down(h, 0, left);
    }
}

void eu_heap_restore(struct eu_heap *h) {
    for (size_t i = 0, j = h->count; i + 1 < j; i++) {
        uint32_t item = h->items[i];
        h->items[i] = h->items[--j];
        h->items[j] = item;
    }
}
