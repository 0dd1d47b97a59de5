#define _GNU_SOURCE
#include "unpack.h"
#include "../error.h"
#include "../eunomia.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* The value of a character, 64: it is none of base64's. */
static unsigned value_of(char c) {
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

uint8_t *eu_base64(const char *text, size_t size, const char *place, size_t *length) {
    size_t padding = size && text[size - 1] == '=' ? 1 + (size > 1 && text[size - 2] == '=') : 0;
    uint8_t table[256], *out = size % 4 ? NULL : malloc(size / 4 * 3 + 1), *w = out;
    if (!out)
        return size % 4 ? eu_fail_null(EBADMSG, "`%s`: malformed base64: incorrect padding (damaged, or not made by ecc?)", place)
                        : eu_fail_null(ENOMEM, "`%s`: out of memory", place);
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)value_of((char)i);
    unsigned bad = 0;
    for (size_t i = 0; i < size; i += 4) {
        const uint8_t *s = (const uint8_t *)text + i;
        int cut = i + 4 == size ? (int)padding : 0;
        unsigned a = table[s[0]], b = table[s[1]], c = cut > 1 ? 0 : table[s[2]], d = cut ? 0 : table[s[3]];
        bad |= (a | b | c | d) & 64;
        *w++ = (uint8_t)(a << 2 | b >> 4);
        *w++ = (uint8_t)(b << 4 | c >> 2);
        *w++ = (uint8_t)(c << 6 | d);
    }
    *length = (size_t)(w - out) - padding;
    if (!bad)
        return out;
    free(out);
    return eu_fail_null(EBADMSG, "`%s`: malformed base64: only base64 data is allowed (damaged, or not made by ecc?)", place);
}

/* A stream whose length nobody has told: room grows with it. */
static uint8_t *inflate_all(z_stream *stream, const char *place, size_t limit, size_t *length) {
    size_t room = stream->avail_in * 4 + 4096, used = 0;
    uint8_t *out = NULL;
    int state = Z_OK;
    while (state == Z_OK && used <= limit) {
        room = used ? room * 2 : room;
        room = room > limit + 2 ? limit + 2 : room;
        uint8_t *more = realloc(out, room);
        if (!more) {
            free(out);
            return eu_fail_null(ENOMEM, "`%s`: out of memory", place);
        }
        out = more;
        stream->next_out = out + used;
        stream->avail_out = (unsigned)(room - used - 1);
        state = inflate(stream, Z_NO_FLUSH);
        used = room - 1 - stream->avail_out;
        if (state == Z_BUF_ERROR || (state == Z_OK && stream->avail_out))
            break;
    }
    *length = used;
    if (used > limit)
        eu_fail(EBADMSG, "`%s`: inflates to more than %zu bytes", place, limit);
    else if (state == Z_OK || state == Z_BUF_ERROR)
        eu_fail(EBADMSG, "`%s`: malformed compressed data: cut off", place);
    else if (state != Z_STREAM_END)
        eu_fail(EBADMSG, "`%s`: malformed compressed data: %s", place, stream->msg ? stream->msg : "not a zlib stream");
    else if (stream->avail_in)
        eu_fail(EBADMSG, "`%s`: malformed compressed data: %u more bytes after its end", place, stream->avail_in);
    else {
        out[used] = 0;
        return out;
    }
    free(out);
    return NULL;
}

uint8_t *eu_inflate(const uint8_t *data, size_t size, const char *place, size_t limit, size_t *length) {
    z_stream stream = {.next_in = (uint8_t *)data, .avail_in = (unsigned)size};
    if (size > (256u << 20) || inflateInit(&stream) != Z_OK)
        return eu_fail_null(ENOMEM, "`%s`: out of memory", place);
    uint8_t *out = inflate_all(&stream, place, limit, length);
    inflateEnd(&stream);
    return out;
}

uint8_t *eu_unpack_object(const char *text, size_t size, int64_t stated, const char *place) {
    size_t packed, length = 0;
    if (stated < 0)
        return eu_fail_null(EBADMSG, "`%s_size`: expected a size, got %lld", place, (long long)stated);
    if (stated > EU_MAX_OBJECT)
        return eu_fail_null(EBADMSG, "`%s_size`: %lld bytes, at most %d are read", place, (long long)stated, EU_MAX_OBJECT);
    uint8_t *data = eu_base64(text, size, place, &packed), *out = NULL;
    if (!data)
        return NULL;
    out = eu_inflate(data, packed, place, (size_t)stated, &length);
    free(data);
    if (!out && strstr(eu_error(), "inflates to more"))
        eu_fail(EBADMSG, "`%s_size`: %lld in the package, but the object inflates to more", place, (long long)stated);
    if (out && length != (size_t)stated) {
        free(out);
        return eu_fail_null(EBADMSG, "`%s_size`: %lld in the package, but the object has %zu bytes", place, (long long)stated, length);
    }
    return out;
}

uint8_t *eu_unpack_plan(const char *text, size_t size, const char *place, size_t *length) {
    size_t packed;
    uint8_t *data = eu_base64(text, size, place, &packed), *out;
    if (!data)
        return NULL;
    out = eu_inflate(data, packed, place, EU_MAX_PLAN, length);
    free(data);
    return out;
}
