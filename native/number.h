/* Numbers to text, without printf and independent of the locale. Each writes at w and returns the end; rooms needed are named. */
#ifndef EUNOMIA_NUMBER_H
#define EUNOMIA_NUMBER_H
#include <stdint.h>
#include <string.h>

enum { EU_NUMBER_ROOM = 48 }; /* enough for every number below */

extern const char eu_two_digits[201];
extern const uint64_t eu_powers_of_ten[20];

/* Digits are counted first and written in place two at a time. */
static inline char *eu_put_u64(char *w, uint64_t v) {
    int bits = 64 - __builtin_clzll(v | 1), n = (bits * 1233) >> 12;
    n += v >= eu_powers_of_ten[n];
    char *p = w + n;
    while (v >= 100) {
        unsigned rest = v % 100;
        v /= 100;
        p -= 2;
        memcpy(p, eu_two_digits + 2 * rest, 2);
    }
    if (v >= 10)
        memcpy(p - 2, eu_two_digits + 2 * v, 2);
    else
        p[-1] = (char)('0' + v);
    return w + n;
}

static inline char *eu_put_i64(char *w, int64_t v) {
    if (v >= 0)
        return eu_put_u64(w, v);
    *w++ = '-';
    return eu_put_u64(w, -(uint64_t)v);
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
