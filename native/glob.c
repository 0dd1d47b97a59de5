/* Patterns as a shell's: * ? [a-z] [!a-z], and \x for x itself. Time is bounded by the product of the two lengths. */
#include "filter.h"

/* Bytes of the UTF-8 character at p, at least 1. */
static size_t character(const uint8_t *p, const uint8_t *end) {
    size_t size = 1;
    if (*p >= 0xc0)
        while (p + size < end && size < 4 && (p[size] & 0xc0) == 0x80)
            size++;
    return size;
}

/* A set from behind its `[`: where it ends (behind its `]`), or NULL: it does not end, `[` means itself. */
static const uint8_t *set_end(const uint8_t *p, const uint8_t *end) {
    if (p < end && (*p == '!' || *p == '^'))
        p++;
    if (p < end && *p == ']')
        p++;
    while (p < end && *p != ']')
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    return p < end ? p + 1 : NULL;
}

static int in_set(const uint8_t *p, const uint8_t *end, uint8_t c) {
    int negated = *p == '!' || *p == '^', found = 0;
    p += negated;
    end--; /* the `]` */
    while (p < end) {
        if (*p == '\\' && p + 1 < end)
            p++;
        uint8_t low = *p++, high = low;
        if (p + 1 < end && *p == '-') {
            p += p[1] == '\\' && p + 2 < end ? 2 : 1;
            high = *p++;
        }
        found |= low <= c && c <= high;
    }
    return found != negated;
}

/* One step of the pattern against the text's next character: bytes of the text taken, 0: differs. *next is the pattern behind it. */
static size_t step(const uint8_t *p, const uint8_t *pattern_end, const uint8_t *text, const uint8_t *end, const uint8_t **next) {
    const uint8_t *after;
    if (*p == '?') {
        *next = p + 1;
        return character(text, end);
    }
    if (*p == '[' && (after = set_end(p + 1, pattern_end))) {
        *next = after;
        return in_set(p + 1, after, *text) ? 1 : 0;
    }
    if (*p == '\\' && p + 1 < pattern_end)
        p++;
    *next = p + 1;
    return *p == *text;
}

int eu_glob(const uint8_t *pattern, size_t pattern_size, const uint8_t *text, size_t size) {
    const uint8_t *p = pattern, *pattern_end = pattern + pattern_size, *end = text + size, *next;
    const uint8_t *star = NULL, *retry = NULL; /* behind the last `*`, and what it has not taken yet */
    while (text < end) {
        size_t taken = 0;
        if (p < pattern_end && *p == '*') {
            star = ++p;
            retry = text;
            continue;
        }
        if (p < pattern_end && (taken = step(p, pattern_end, text, end, &next))) {
            p = next;
            text += taken;
        } else if (star) {
            p = star;
            text = ++retry;
        } else {
            return 0;
        }
    }
    while (p < pattern_end && *p == '*')
        p++;
    return p == pattern_end;
}
