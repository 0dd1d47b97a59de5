/* BLAKE2b (RFC 7693) without key: names for contents that strangers choose. */
#ifndef EUNOMIA_DIGEST_H
#define EUNOMIA_DIGEST_H
#include <stddef.h>
#include <stdint.h>

enum { EU_DIGEST = 32 };
struct eu_digest {
    uint64_t state[8], count;
    uint8_t block[128];
    size_t used;
};
void eu_digest_begin(struct eu_digest *digest);
void eu_digest_add(struct eu_digest *digest, const void *bytes, size_t size);
/* The 32 bytes of BLAKE2b-256. */
void eu_digest_end(struct eu_digest *digest, uint8_t out[EU_DIGEST]);
#endif
