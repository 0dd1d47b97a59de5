/* The table of keys: open addressing over rows that lie one behind the other; it grows up to a limit, never beyond it. */
#include "aggregate_parts.h"
#include "error.h"
#include "hash.h"
#include <errno.h>
#include <stdlib.h>

enum { FIRST_SLOTS = 256, FIRST_ROOM = 16 << 10 };

/* Eight bytes at a time. Up to 7 bytes behind the key are read, which are zero. */
static inline uint64_t hash_of(const struct row_table *t, const uint8_t *key, size_t size, uint16_t variant) {
    uint64_t hash = t->seed ^ size ^ (uint64_t)variant << 32, word;
    for (size_t i = 0; i < size; i += 8) {
        memcpy(&word, key + i, 8);
        hash = eu_fold(hash ^ word, 0x9e3779b97f4a7c15u ^ t->seed >> 7);
    }
    return eu_fold(hash, 0xd6e8feb86659fd93u);
}

int eu_rows_open(struct row_table *t, size_t stats_size) {
    t->key_at = sizeof(struct row) + stats_size;
    t->keys_limit = t->keys_limit ? t->keys_limit : KEYS_LIMIT;
    t->bytes_limit = t->bytes_limit ? t->bytes_limit : BYTES_LIMIT;
    t->nr_slots = FIRST_SLOTS;
    t->room = FIRST_ROOM;
    t->slots = calloc(t->nr_slots, sizeof(*t->slots));
    t->rows = malloc(t->room);
    t->used = 8; /* 0 is no row */
    t->seed = eu_hash_seed(t->rows);
    return t->slots && t->rows ? 0 : eu_fail(ENOMEM, "aggregate: out of memory");
}

void eu_rows_free(struct row_table *t) {
    free(t->slots);
    free(t->rows);
    t->slots = NULL;
    t->rows = NULL;
}

void eu_rows_clear(struct row_table *t) {
    memset(t->slots, 0, t->nr_slots * sizeof(*t->slots));
    t->nr_rows = 0;
    t->used = 8;
}

static int more_slots(struct row_table *t) {
    size_t nr_slots = 2 * t->nr_slots, mask = nr_slots - 1;
    struct row_slot *slots = calloc(nr_slots, sizeof(*slots));
    if (!slots)
        return 0;
    for (size_t i = 0; i < t->nr_slots; i++) {
        if (!t->slots[i].at)
            continue;
        size_t at = eu_row_at(t, t->slots[i].at)->hash & mask;
        while (slots[at].at)
            at = (at + 1) & mask;
        slots[at] = t->slots[i];
    }
    free(t->slots);
    t->slots = slots;
    t->nr_slots = nr_slots;
    return 1;
}

static int more_room(struct row_table *t, size_t size) {
    size_t room = t->room;
    while (t->used + size > room)
        room *= 2;
    if (room > t->bytes_limit)
        room = t->bytes_limit;
    uint8_t *larger = t->used + size > room ? NULL : realloc(t->rows, room);
    if (!larger)
        return 0;
    t->rows = larger;
    t->room = room;
    return 1;
}

static struct row *add(struct row_table *t, const uint8_t *key, size_t key_size, uint16_t variant, uint64_t hash) {
    size_t size = (t->key_at + key_size + 7) & ~(size_t)7;
    if (t->nr_rows >= t->keys_limit || (t->used + size > t->room && !more_room(t, size)))
        return NULL;
    if (2 * t->nr_rows >= t->nr_slots && !more_slots(t))
        return NULL;
    size_t at = hash & (t->nr_slots - 1);
    while (t->slots[at].at)
        at = (at + 1) & (t->nr_slots - 1);
    t->slots[at] = (struct row_slot){.tag = (uint32_t)(hash >> 32), .at = (uint32_t)(t->used / 8)};
    struct row *row = (struct row *)(t->rows + t->used);
    memset(row, 0, t->key_at);
    row->hash = hash;
    row->key_size = (uint32_t)key_size;
    row->variant = variant;
    memcpy((uint8_t *)row + t->key_at, key, key_size);
    t->used += size;
    t->nr_rows++;
    return row;
}

struct row *eu_rows_find(struct row_table *t, const uint8_t *key, size_t size, uint16_t variant) {
    uint64_t hash = hash_of(t, key, size, variant);
    for (size_t at = hash & (t->nr_slots - 1); t->slots[at].at; at = (at + 1) & (t->nr_slots - 1)) {
        if (t->slots[at].tag != (uint32_t)(hash >> 32))
            continue;
        struct row *row = eu_row_at(t, t->slots[at].at);
        if (row->key_size == size && row->variant == variant && !memcmp(eu_row_key(t, row), key, size))
            return row;
    }
    return add(t, key, size, variant, hash);
}
