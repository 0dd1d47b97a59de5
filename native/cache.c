#include "cache.h"
#include <stdlib.h>
#include <time.h>

enum { KNOWN_SECONDS = 30, UNKNOWN_SECONDS = 2 };

static void renew(struct eu_cache *cache, struct eu_cached_name *slot, uint64_t key, int64_t now) {
    struct eu_word found;
    found.used = 0;
    int is_found = cache->look(key, &found);
    char *name = is_found ? malloc(found.used + 1) : NULL;
    if (slot->key != key || !slot->until || name) {
        free(slot->name);
        slot->name = name;
        slot->size = name ? (uint32_t)found.used : 0;
        if (name)
            memcpy(name, found.text, found.used);
    }
    slot->key = key;
    slot->until = now + (is_found ? KNOWN_SECONDS : UNKNOWN_SECONDS);
}

int eu_cached(struct eu_cache *cache, uint64_t key, struct eu_word *word) {
    struct timespec now;
    int kind = EU_NOT_DECODED;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    pthread_mutex_lock(&cache->lock);
    if (!cache->slots && !(cache->slots = calloc(EU_CACHE_SLOTS, sizeof(*cache->slots)))) {
        pthread_mutex_unlock(&cache->lock);
        return kind;
    }
    struct eu_cached_name *slot = &cache->slots[key * 0x9e3779b97f4a7c15u >> 54];
    if (!slot->until || slot->key != key || slot->until <= now.tv_sec)
        renew(cache, slot, key, now.tv_sec + 1);
    if (slot->name) {
        eu_word_put(word, slot->name, slot->size);
        kind = EU_AS_WORD;
    }
    pthread_mutex_unlock(&cache->lock);
    return kind;
}
