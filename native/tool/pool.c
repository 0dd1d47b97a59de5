#define _GNU_SOURCE
#include "pool.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16 << 10, ALIGN = 16 };

struct eu_pool_block {
    struct eu_pool_block *next;
    size_t used, room;
    _Alignas(ALIGN) char bytes[];
};

void *eu_pool_get(struct eu_pool *pool, size_t size) {
    struct eu_pool_block *block = pool->blocks;
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!block || block->room - block->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;
        block = calloc(1, sizeof(*block) + room);
        if (!block) {
            pool->failed = 1;
            return NULL;
        }
        block->room = room;
        block->next = pool->blocks;
        pool->blocks = block;
    }
    void *found = block->bytes + block->used;
    block->used += size;
    return found;
}

const char *eu_pool_copy(struct eu_pool *pool, const char *text, size_t size) {
    char *copy = eu_pool_get(pool, size + 1);
    return copy ? memcpy(copy, text, size) : "";
}

const char *eu_pool_print(struct eu_pool *pool, const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    const char *copy = size < 0 ? "" : eu_pool_copy(pool, text, (size_t)size);
    pool->failed |= size < 0;
    if (size >= 0)
        free(text);
    return copy;
}

void eu_pool_free(struct eu_pool *pool) {
    while (pool->blocks) {
        struct eu_pool_block *next = pool->blocks->next;
        free(pool->blocks);
        pool->blocks = next;
    }
}
