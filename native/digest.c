#include "digest.h"
#include <string.h>

static const uint64_t initial[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
static const uint8_t order[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t right(uint64_t value, int bits) {
    return value >> bits | value << (64 - bits);
}

static void mix(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y) {
    v[a] += v[b] + x;
    v[d] = right(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = right(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = right(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = right(v[b] ^ v[c], 63);
}

static void compress(struct eu_digest *d, int last) {
    uint64_t v[16], m[16];
    memcpy(v, d->state, 64);
    memcpy(v + 8, initial, 64);
    memcpy(m, d->block, 128); /* little-endian, as all machines that we run on */
    v[12] ^= d->count;
    v[14] ^= last ? ~0ull : 0;
    for (int round = 0; round < 12; round++) {
        const uint8_t *s = order[round % 10];
        for (int i = 0; i < 4; i++)
            mix(v, i, i + 4, i + 8, i + 12, m[s[2 * i]], m[s[2 * i + 1]]);
        for (int i = 0; i < 4; i++)
            mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
    }
    for (int i = 0; i < 8; i++)
        d->state[i] ^= v[i] ^ v[i + 8];
}

void eu_digest_begin(struct eu_digest *digest) {
    memset(digest, 0, sizeof(*digest));
    memcpy(digest->state, initial, 64);
    digest->state[0] ^= 0x01010000 ^ EU_DIGEST;
}

void eu_digest_add(struct eu_digest *digest, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    while (size) {
        if (digest->used == sizeof(digest->block)) { /* only when more follows: the last block is told apart */
            digest->count += digest->used;
            compress(digest, 0);
            digest->used = 0;
        }
        size_t part = sizeof(digest->block) - digest->used < size ? sizeof(digest->block) - digest->used : size;
        memcpy(digest->block + digest->used, at, part);
        digest->used += part;
        at += part;
        size -= part;
    }
}

void eu_digest_end(struct eu_digest *digest, uint8_t out[EU_DIGEST]) {
    digest->count += digest->used;
    memset(digest->block + digest->used, 0, sizeof(digest->block) - digest->used);
    compress(digest, 1);
    memcpy(out, digest->state, EU_DIGEST);
}
