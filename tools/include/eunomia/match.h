/* SPDX-License-Identifier: MIT
 *
 * "Does this text contain that one": the shift-and algorithm. Bit n of `state` says that the last n+1 characters are the first
 * n+1 of the wanted text. There is no branch for each character, which keeps the verifier's work small: naive search in 512
 * bytes takes it minutes.
 */
#ifndef EUNOMIA_MATCH_H
#define EUNOMIA_MATCH_H
#include "kernel.h"

#define NEEDLE_LEN 32

struct needle {
    __u32 bits[256]; /* for each character: at which places of the wanted text it stands */
    __u32 last;      /* the bit of the wanted text's last character; 0: not prepared yet */
};

/* Done once, in a global: what two CPUs write at the same time is the same. */
static __always_inline void needle_prepare(struct needle *needle, const volatile char *text, int size) {
    __u32 bit = 1, last = 0;

    if (needle->last)
        return;
    for (int i = 0; i < size && i < NEEDLE_LEN; i++) {
        __u8 c = text[i];

        if (!c)
            break;
        needle->bits[c] |= bit;
        last = bit;
        bit <<= 1;
    }
    needle->last = last;
}

/* size must be a constant; text ends at its first NUL or after size bytes. */
static __always_inline bool needle_found(const struct needle *needle, const char *text, int size) {
    __u32 state = 0, found = 0, last = needle->last;

#pragma clang loop unroll(disable)
    for (int i = 0; i < size; i++) {
        __u8 c = text[i];

        state = ((state << 1) | 1) & needle->bits[c];
        found |= state & last;
        if (!c)
            break;
    }
    return found != 0;
}

#endif
