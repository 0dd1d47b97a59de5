/* Memory that is given back all at once, and texts made in it. */
#ifndef TOOL_POOL_H
#define TOOL_POOL_H
#include <stddef.h>

struct eu_pool {
    struct eu_pool_block *blocks;
    int failed; /* a text found no memory, and is "" */
};
void *eu_pool_get(struct eu_pool *pool, size_t size); /* zeroed; NULL: no memory */
const char *eu_pool_print(struct eu_pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *eu_pool_copy(struct eu_pool *pool, const char *text, size_t size);
void eu_pool_free(struct eu_pool *pool);
#endif
