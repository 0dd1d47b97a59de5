/* Strings out of records, made safe: nothing that a terminal or a JSON reader would take for more than text. */
#ifndef EUNOMIA_TEXT_H
#define EUNOMIA_TEXT_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Both stop at the first NUL, or after `size` bytes, and return the end of what they wrote.
 * Text: control characters, DEL, C1 controls, bidirectional overrides and what is not UTF-8 become \xNN; at most 4 bytes are
 * written for each read, and 8 more may be touched. *hidden grows by the bytes that take no column. */
char *eu_text_string(char *w, const uint8_t *s, size_t size, size_t *hidden);
/* Inside of a JSON string: at most 6 bytes for each read (8 more touched); what is not UTF-8 becomes U+FFFD, as Python's
 * decode(errors="replace") does. */
char *eu_json_string(char *w, const uint8_t *s, size_t size);
/* Length of the UTF-8 sequence at s (2..4; not of ASCII), or minus the length of its longest valid beginning (at least 1). */
int eu_utf8_sequence(const uint8_t *s, size_t size);
/* A cell of CSV (RFC 4180): quoted where it must be, and where it is empty. Tabs and line ends stay; what else a terminal would
 * obey becomes \xNN as in text, what is not UTF-8 U+FFFD as in JSON. At most 4 bytes for each read and 2 (8 more touched). */
char *eu_csv_string(char *w, const uint8_t *s, size_t size);
/* The same for what is text already: the cell at `start` of `used` bytes; there is room for twice as much and 2. Returns its size. */
size_t eu_csv_protect(char *start, size_t used);
/* Bytes of UTF-8 text that take no column. */
static inline size_t eu_text_hidden(const char *text, size_t size) {
    size_t hidden = 0;
    for (size_t i = 0; i < size; i++)
        hidden += ((uint8_t)text[i] & 0xc0) == 0x80;
    return hidden;
}
enum { EU_TEXT_GROWTH = 4, EU_JSON_GROWTH = 6, EU_STRING_SLACK = 8 };

/* Bytes of an 8-byte word that are not plain: < 0x20, '"', '\\' or >= 0x7f; the lowest flag set is exact. */
static inline uint64_t eu_special_bytes(uint64_t x) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t quote = x ^ (ones * '"'), backslash = x ^ (ones * '\\'), del = x ^ (ones * 0x7f);
    return (x | ((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((del - ones) & ~del)) & tops;
}

/* Which of the 16 bytes at s are special, from the lowest bit on; copies them to w. Bits of EU_LANE belong to one byte. */
#if defined(__SSE2__)
#include <emmintrin.h>
enum { EU_LANE = 1 };
static inline uint64_t eu_copy_16(char *w, const uint8_t *s) {
    __m128i x = _mm_loadu_si128((const __m128i *)s);
    _mm_storeu_si128((__m128i *)w, x);
    __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20)); /* signed: 0x80 and above too */
    __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"')), backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
    __m128i del = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f));
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, del), _mm_or_si128(quote, backslash)));
}
#elif defined(__aarch64__)
#include <arm_neon.h>
enum { EU_LANE = 4 };
static inline uint64_t eu_copy_16(char *w, const uint8_t *s) {
    uint8x16_t x = vld1q_u8(s);
    vst1q_u8((uint8_t *)w, x);
    uint8x16_t low = vcltq_s8(vreinterpretq_s8_u8(x), vdupq_n_s8(0x20)), del = vceqq_u8(x, vdupq_n_u8(0x7f));
    uint8x16_t quote = vceqq_u8(x, vdupq_n_u8('"')), backslash = vceqq_u8(x, vdupq_n_u8('\\'));
    uint8x16_t special = vorrq_u8(vorrq_u8(low, del), vorrq_u8(quote, backslash));
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(special), 4)), 0); /* 4 bits of each */
}
#else
#define EU_NO_LANES 1
#endif

/* The plain beginning of a string of `size` bytes, 16 and eight at a time; returns how many bytes were copied. */
static inline size_t eu_copy_plain(char *w, const uint8_t *s, size_t size) {
    size_t i = 0;
#ifndef EU_NO_LANES
    for (; i + 16 <= size; i += 16) {
        uint64_t special = eu_copy_16(w + i, s + i);
        if (special)
            return i + (size_t)__builtin_ctzll(special) / EU_LANE;
    }
#endif
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, s + i, 8);
        memcpy(w + i, &word, 8);
        uint64_t special = eu_special_bytes(word);
        if (special)
            return i + (size_t)__builtin_ctzll(special) / 8;
    }
    for (; i < size; i++) {
        if (s[i] < 0x20 || s[i] == '"' || s[i] == '\\' || s[i] >= 0x7f)
            break;
        w[i] = (char)s[i];
    }
    return i;
}

/* A char array of 16 bytes, as every comm is: 1 where all of it up to its first NUL is plain, and *size bytes were copied. */
static inline int eu_copy_comm(char *w, const uint8_t *s, size_t *size) {
#ifndef EU_NO_LANES
    uint64_t special = eu_copy_16(w, s);
    *size = special ? (size_t)__builtin_ctzll(special) / EU_LANE : 16;
#else
    *size = eu_copy_plain(w, s, 16);
#endif
    return *size == 16 || !s[*size];
}
#endif
