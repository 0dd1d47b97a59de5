/* Blocks of LZ4, which some kernel images are packed with. Source: the description of LZ4's block format (lz4_Block_format.md). */
#include "error.h"
#include "eunomia.h"
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LEAST_MATCH = 4 };

struct place {
    const uint8_t *at, *end;
};

/* A length: 4 bits of the token, and where these are full, bytes up to one that is not 255. */
static int read_length(struct place *in, size_t *length) {
    if (*length < 15)
        return 0;
    for (uint8_t more = 255; more == 255; *length += more) {
        if (in->at == in->end || *length > INT32_MAX)
            return -1;
        more = *in->at++;
    }
    return 0;
}

static int copy_literals(struct place *in, uint8_t **out, const uint8_t *end, size_t length) {
    if (read_length(in, &length) || length > (size_t)(in->end - in->at) || length > (size_t)(end - *out))
        return -1;
    memcpy(*out, in->at, length);
    *out += length;
    in->at += length;
    return 0;
}

/* Byte by byte: a match may reach into what it writes. */
static int copy_match(struct place *in, uint8_t **out, const uint8_t *start, const uint8_t *end, size_t length) {
    if (in->end - in->at < 2)
        return -1;
    size_t offset = in->at[0] | (size_t)in->at[1] << 8;
    in->at += 2;
    if (read_length(in, &length))
        return -1;
    length += LEAST_MATCH;
    if (!offset || offset > (size_t)(*out - start) || length > (size_t)(end - *out))
        return -1;
    for (const uint8_t *from = *out - offset; length; length--)
        *(*out)++ = *from++;
    return 0;
}

long eu_lz4_block(const void *packed, size_t size, void *unpacked, size_t room) {
    struct place in = {packed, (const uint8_t *)packed + size};
    uint8_t *out = unpacked;
    const uint8_t *end = out + room;
    while (in.at < in.end) {
        uint8_t token = *in.at++;
        if (copy_literals(&in, &out, end, token >> 4))
            return eu_fail(EINVAL, "unpack lz4: damaged");
        if (in.at == in.end) /* the last sequence has no match */
            return out - (uint8_t *)unpacked;
        if (copy_match(&in, &out, unpacked, end, token & 15))
            return eu_fail(EINVAL, "unpack lz4: damaged");
    }
    return eu_fail(EINVAL, "unpack lz4: cut short");
}
