/* What was looked up in the system, kept for a while: bounded, and asked for again now and then, since names change. */
#ifndef EUNOMIA_CACHE_H
#define EUNOMIA_CACHE_H
#include "decode.h"
#include <pthread.h>

enum { EU_CACHE_SLOTS = 1024 };

struct eu_cached_name {
    uint64_t key;
    int64_t until; /* seconds of CLOCK_MONOTONIC, 0: empty */
    char *name;    /* NULL: there is none */
    uint32_t size;
};
struct eu_cache {
    int (*look)(uint64_t key, struct eu_word *word); /* 1: found */
    pthread_mutex_t lock;
    struct eu_cached_name *slots; /* made on first use: in a file they would be 32 kB of zeroes */
};
#define EU_CACHE(function) {.look = (function), .lock = PTHREAD_MUTEX_INITIALIZER}
/* Put the name of key: EU_AS_WORD, or EU_NOT_DECODED. A name that is not found any more stays: what has gone is what people ask about. */
int eu_cached(struct eu_cache *cache, uint64_t key, struct eu_word *word);
#endif
