#define _GNU_SOURCE
#include "number.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const char eu_two_digits[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657"
    "585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* [0] is 0 so that the number 0 has one digit. */
const uint64_t eu_powers_of_ten[20] = {
    0,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
    10000000000000000000u,
};

static char *put_padded(char *w, uint64_t v, int digits) {
    for (int i = digits - 1; i >= 0; i--, v /= 10)
        w[i] = (char)('0' + v % 10);
    return w + digits;
}

char *eu_put_u128(char *w, unsigned __int128 v) {
    const uint64_t chunk = 10000000000000000000u; /* 19 digits */
    if (!(v >> 64))
        return eu_put_u64(w, (uint64_t)v);
    uint64_t low = (uint64_t)(v % chunk);
    w = eu_put_u128(w, v / chunk);
    return put_padded(w, low, 19);
}

char *eu_put_i128(char *w, __int128 v) {
    if (v >= 0)
        return eu_put_u128(w, v);
    *w++ = '-';
    return eu_put_u128(w, -(unsigned __int128)v);
}

char *eu_put_hex(char *w, uint64_t v, int digits) {
    int needed = v ? (64 - __builtin_clzll(v) + 3) / 4 : 1;
    if (needed > digits)
        digits = needed;
    for (int i = digits - 1; i >= 0; i--, v >>= 4)
        w[i] = "0123456789abcdef"[v & 15];
    return w + digits;
}

/* Significant digits and decimal exponent of |v|: the fewest digits that read back as v. If 15 (6) digits do, cutting their
 * zeroes off gives the shortest, since any decimal of that length survives the way through binary. */
static int shortest(double v, int single, char *digits, int *exponent) {
    int count = 0, first = v < (single ? 0x1p-126 : 0x1p-1022) ? 1 : single ? 6 : 15; /* subnormal numbers have fewer bits */
    for (int precision = first; precision <= (single ? 9 : 17); precision++) {
        char text[40];
        snprintf(text, sizeof(text), "%.*e", precision - 1, v);
        if (precision < (single ? 9 : 17) && (single ? (double)strtof(text, NULL) : strtod(text, NULL)) != v)
            continue;
        count = 0;
        for (const char *p = text; *p && *p != 'e'; p++)
            if (*p >= '0' && *p <= '9')
                digits[count++] = *p;
        *exponent = atoi(strchr(text, 'e') + 1);
        break;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

char *eu_put_double(char *w, double v, int single) {
    static locale_t plain;
    char digits[24];
    int exponent = 0;
    if (!isfinite(v)) {
        memcpy(w, "null", 4);
        return w + 4;
    }
    if (signbit(v))
        *w++ = '-';
    if (v == 0) {
        memcpy(w, "0.0", 3);
        return w + 3;
    }
    if (!plain) { /* made once, never freed; a race only makes one too many */
        locale_t made = newlocale(LC_ALL_MASK, "C", 0);
        __atomic_store_n(&plain, made, __ATOMIC_RELEASE);
    }
    locale_t old = plain ? uselocale(plain) : (locale_t)0;
    int count = shortest(fabs(v), single, digits, &exponent);
    if (old)
        uselocale(old);
    if (exponent < -5 || exponent >= 16) {
        *w++ = digits[0];
        if (count > 1) {
            *w++ = '.';
            memcpy(w, digits + 1, count - 1);
            w += count - 1;
        }
        *w++ = 'e';
        return eu_put_i64(w, exponent);
    }
    if (exponent < 0) {
        memcpy(w, "0.", 2);
        w += 2;
        for (int i = exponent + 1; i < 0; i++)
            *w++ = '0';
        memcpy(w, digits, count);
        return w + count;
    }
    for (int i = 0; i <= exponent; i++)
        *w++ = i < count ? digits[i] : '0';
    *w++ = '.';
    if (count <= exponent + 1) {
        *w++ = '0';
        return w;
    }
    memcpy(w, digits + exponent + 1, count - exponent - 1);
    return w + count - exponent - 1;
}

char *eu_put_clock(char *w, int64_t seconds) {
    static _Thread_local int64_t minute = -1; /* localtime_r costs 100 ns and more: asked once a minute */
    static _Thread_local struct tm broken;
    if (minute < 0 || seconds / 60 != minute) {
        time_t now = (time_t)(seconds / 60 * 60);
        localtime_r(&now, &broken);
        minute = seconds / 60;
    }
    put_padded(w, broken.tm_hour, 2);
    w[2] = ':';
    put_padded(w + 3, broken.tm_min, 2);
    w[5] = ':';
    put_padded(w + 6, seconds % 60, 2);
    return w + 8;
}

char *eu_put_iso(char *w, int64_t seconds, long nanoseconds) {
    static _Thread_local int64_t minute = -1; /* what it says changes once a minute, but for its end */
    static _Thread_local char text[32];
    if (minute < 0 || seconds / 60 != minute) {
        struct tm broken;
        time_t now = (time_t)(seconds / 60 * 60);
        gmtime_r(&now, &broken);
        put_padded(text, 1900 + broken.tm_year, 4);
        text[4] = '-';
        put_padded(text + 5, broken.tm_mon + 1, 2);
        text[7] = '-';
        put_padded(text + 8, broken.tm_mday, 2);
        text[10] = 'T';
        put_padded(text + 11, broken.tm_hour, 2);
        text[13] = ':';
        put_padded(text + 14, broken.tm_min, 2);
        text[16] = ':';
        minute = seconds / 60;
    }
    memcpy(w, text, 17);
    put_padded(w + 17, seconds % 60, 2);
    w[19] = '.';
    put_padded(w + 20, nanoseconds / 1000, 6);
    w[26] = 'Z';
    return w + 27;
}
