/* Numbers to text, without printf and independent of the locale. Each writes at w and returns the end; rooms needed are named. */
#ifndef EUNOMIA_NUMBER_H
#define EUNOMIA_NUMBER_H
#include <stdint.h>
#include <string.h>

enum { EU_NUMBER_ROOM = 48 }; /* enough for every number below */

extern const char eu_two_digits[201];
extern const uint64_t eu_powers_of_ten[20];

/* Exactly eight digits at w, v < 10^8: pairs, then single digits, in the lanes of one word (10486/2^20 is 1/100 and 103/2^10 is
 * 1/10, exact for lanes this small). */
static inline void eu_put_8_digits(char *w, uint32_t v) {
    uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32;
    uint64_t q = x * 10486 >> 20 & 0x0000007f0000007fu;
    x = q | (x - 100 * q) << 16;
    q = x * 103 >> 10 & 0x000f000f000f000fu;
    x = (q | (x - 10 * q) << 8) + 0x3030303030303030u;
    memcpy(w, &x, 8);
}

/* Digits are counted first and written in place, from the right: eight at a time, then two. */
static inline char *eu_put_u64(char *w, uint64_t v) {
    if (v < 10) { /* flags, results, counts: most numbers of most records */
        *w = (char)('0' + v);
        return w + 1;
    }
    int bits = 64 - __builtin_clzll(v | 1), n = (bits * 1233) >> 12;
    n += v >= eu_powers_of_ten[n];
    char *p = w + n;
    while (v >= 100000000) {
        p -= 8;
        eu_put_8_digits(p, (uint32_t)(v % 100000000));
        v /= 100000000;
    }
    uint32_t rest = (uint32_t)v;
    while (rest >= 100) {
        p -= 2;
        memcpy(p, eu_two_digits + 2 * (rest % 100), 2);
        rest /= 100;
    }
    if (rest >= 10)
        memcpy(p - 2, eu_two_digits + 2 * rest, 2);
    else
        p[-1] = (char)('0' + rest);
    return w + n;
}

/* Up to four digits are most process ids, and many counts: without loops. */
static inline char *eu_put_u32(char *w, uint32_t v) {
    if (v < 10) {
        *w = (char)('0' + v);
        return w + 1;
    }
    if (v < 100) {
        memcpy(w, eu_two_digits + 2 * v, 2);
        return w + 2;
    }
    if (v >= 10000)
        return eu_put_u64(w, v);
    uint32_t high = v / 100;
    memcpy(w, eu_two_digits + 2 * high + (v < 1000), 2); /* of three digits the first alone; what follows is overwritten */
    w += v < 1000 ? 1 : 2;
    memcpy(w, eu_two_digits + 2 * (v - 100 * high), 2);
    return w + 2;
}

static inline char *eu_put_i32(char *w, int32_t v) {
    if (v >= 0)
        return eu_put_u32(w, (uint32_t)v);
    *w++ = '-';
    return eu_put_u32(w, -(uint32_t)v);
}

/* The digits above the last eight of a 64-bit number that comes again and again: time stamps, addresses. */
struct eu_digits {
    uint64_t high; /* 0: none yet */
    uint8_t size;
    char text[15];
};
static inline char *eu_put_again(char *w, uint64_t v, struct eu_digits *last) {
    uint64_t high = v / 100000000;
    if (!high)
        return eu_put_u32(w, (uint32_t)v);
    if (high != last->high) {
        last->high = high;
        last->size = (uint8_t)(eu_put_u64(last->text, high) - last->text);
    }
    memcpy(w, last->text, sizeof(last->text));
    w += last->size;
    eu_put_8_digits(w, (uint32_t)(v - high * 100000000));
    return w + 8;
}

static inline char *eu_put_i64(char *w, int64_t v) {
    if (v >= 0)
        return eu_put_u64(w, v);
    *w++ = '-';
    return eu_put_u64(w, -(uint64_t)v);
}

/* An IPv4 address out of its four bytes: at most 15, and a dot that is overwritten. */
static inline char *eu_put_ip4(char *w, const uint8_t *p) {
    for (int i = 0; i < 4; i++) {
        w = eu_put_u32(w, p[i]);
        *w++ = '.';
    }
    return w - 1;
}

/* An IPv6 address out of its 16 bytes as RFC 5952 has it, at most 45 characters. */
char *eu_put_ip6(char *w, const uint8_t *p);
/* 16 bytes of either family: of 2 or 4 (AF_INET, IP version) or 10 or 6; of another one their form decides: IPv4-mapped, or 4 bytes
 * and zeroes as tools leave them in a union, are IPv4. */
char *eu_put_ip(char *w, const uint8_t *p, uint64_t family);
/* 0x and lower-case hexadecimal without leading zeroes. */
static inline char *eu_put_0x(char *w, uint64_t v) {
    int digits = v ? (67 - __builtin_clzll(v)) / 4 : 1;
    memcpy(w, "0x", 2);
    w += 2 + digits;
    for (int i = 1; i <= digits; i++, v >>= 4)
        w[-i] = "0123456789abcdef"[v & 15];
    return w;
}

char *eu_put_u128(char *w, unsigned __int128 v);
char *eu_put_i128(char *w, __int128 v);
/* Lower-case hexadecimal with at least `digits` digits, no prefix. */
char *eu_put_hex(char *w, uint64_t v, int digits);
/* The shortest digits that read back as the same number, always with ".0" or an exponent; `single`: as a 32-bit float.
 * NaN and infinities: "null". */
char *eu_put_double(char *w, double v, int single);
/* "%H:%M:%S" of local time (8 bytes), and ISO 8601 in UTC with microseconds (27 bytes). */
char *eu_put_clock(char *w, int64_t seconds);
char *eu_put_iso(char *w, int64_t seconds, long nanoseconds);
#endif
