/* base64 and zlib streams, never more than was asked for. */
#ifndef TOOL_UNPACK_H
#define TOOL_UNPACK_H
#include <stddef.h>
#include <stdint.h>

enum { EU_MAX_OBJECT = 64 << 20, EU_MAX_PLAN = 16 << 20 };

/* The bytes behind base64 text (standard alphabet, padded), or NULL and eu_error() that names the place; the caller frees them. */
uint8_t *eu_base64(const char *text, size_t size, const char *place, size_t *length);
/* What a zlib stream holds, at most `limit` bytes, and a NUL behind them. The caller frees it. */
uint8_t *eu_inflate(const uint8_t *data, size_t size, const char *place, size_t limit, size_t *length);
/* Both. `stated`: as many bytes as it must be. */
uint8_t *eu_unpack_object(const char *text, size_t size, int64_t stated, const char *place);
uint8_t *eu_unpack_plan(const char *text, size_t size, const char *place, size_t *length);
#endif
