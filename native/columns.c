/* Columns for Arrow and NumPy out of records that lie behind each other. The callers' types come from a checked plan: every
 * offset and size is within a record. */
#include "blocks.h"
#include "error.h"
#include "eunomia.h"
#include "text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static inline const uint8_t *row(const struct eu_rows *rows, size_t i) {
    return (const uint8_t *)rows->data + (rows->starts ? rows->starts[i] : i * rows->stride);
}

#define GATHER(bytes)                                                                                                                      \
    case bytes:                                                                                                                            \
        for (size_t i = 0; i < rows->count; i++, w += (bytes))                                                                             \
            memcpy(w, row(rows, i) + offset, bytes);                                                                                       \
        return

void eu_gather(const struct eu_rows *rows, size_t offset, size_t size, void *out) {
    uint8_t *w = out;
    switch (size) { /* constant sizes: each copy is one load and one store */
        GATHER(1);
        GATHER(2);
        GATHER(4);
        GATHER(8);
        GATHER(16);
    }
    for (size_t i = 0; i < rows->count; i++, w += size)
        memcpy(w, row(rows, i) + offset, size);
}

void eu_gather_bits(const struct eu_rows *rows, uint64_t bit_offset, uint32_t bit_size, int is_signed, size_t size, void *out) {
    unsigned shift = bit_offset % 8;
    size_t length = (shift + bit_size + 7) / 8;
    uint8_t *w = out;
    for (size_t i = 0; i < rows->count; i++, w += size) {
        unsigned __int128 word = 0;
        memcpy(&word, row(rows, i) + bit_offset / 8, length);
        uint64_t value = (uint64_t)(word >> shift);
        if (bit_size < 64) {
            value &= (1ull << bit_size) - 1;
            if (is_signed && value >> (bit_size - 1))
                value |= ~0ull << bit_size;
        }
        word = is_signed ? (unsigned __int128)(int64_t)value : value; /* types have up to 16 bytes */
        memcpy(w, &word, size);
    }
}

void eu_gather_bitmap(const struct eu_rows *rows, size_t offset, size_t size, void *out) {
    uint8_t *bits = out;
    memset(bits, 0, (rows->count + 7) / 8);
    for (size_t i = 0; i < rows->count; i++) {
        const uint8_t *p = row(rows, i) + offset;
        int any = 0;
        for (size_t k = 0; k < size; k++)
            any |= p[k];
        bits[i / 8] |= (uint8_t)(!!any << i % 8);
    }
}

/* Everything that is not ASCII: copy whole sequences, replace the rest by U+FFFD as Python's decode(errors="replace") does. */
static char *replace_bad(char *w, const uint8_t *s, size_t size) {
    for (size_t i = 0; i < size && s[i];) {
        int length = s[i] < 0x80 ? 1 : eu_utf8_sequence(s + i, size - i);
        if (length > 0)
            memcpy(w, s + i, length);
        else
            memcpy(w, "\xef\xbf\xbd", 3);
        w += length > 0 ? length : 3;
        i += length > 0 ? length : -length;
    }
    return w;
}

/* Copy up to the first NUL, eight bytes at a time (up to 7 more are touched); w has room for 3 * size + 8. */
static inline char *put_text(char *w, const uint8_t *s, size_t size) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    char *start = w;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, s + i, 8);
        memcpy(w + i, &word, 8);
        uint64_t ended = (word - ones) & ~word & tops; /* the lowest flag set is exact */
        uint64_t before = ended ? (ended & -ended) - 1 : ~0ull;
        if (word & tops & before)
            return replace_bad(start, s, size);
        if (ended)
            return w + i + (size_t)__builtin_ctzll(ended) / 8;
    }
    for (; i < size && s[i]; i++) {
        if (s[i] >= 0x80)
            return replace_bad(start, s, size);
        w[i] = (char)s[i];
    }
    return w + i;
}

static size_t tail_of(const struct eu_rows *rows, size_t i, size_t offset) {
    return rows->lengths && rows->lengths[i] > offset ? rows->lengths[i] - offset : 0;
}

struct joined {
    void *data;
    size_t used;
};

static char *room_for(struct joined *j, size_t more) {
    if (eu_block_room(j->data) < j->used + more && eu_block_grow(&j->data, j->used, j->used + more))
        return NULL;
    return (char *)j->data + j->used;
}

static long hand_over(struct joined *j, int failed, void **bytes) {
    *bytes = j->data;
    if (!failed && j->used <= INT32_MAX)
        return (long)j->used;
    eu_release(j->data);
    *bytes = NULL;
    if (failed)
        return eu_fail(ENOMEM, "make a column: out of memory");
    return eu_fail(EOVERFLOW, "make a column: more than 2 GiB of text [take smaller batches]");
}

long eu_gather_text(const struct eu_rows *rows, size_t offset, size_t size, int32_t *offsets, void **text) {
    struct joined j = {0};
    size_t i = 0, guess = rows->count * (size < 32 ? size : 32) + 8;
    int failed = !room_for(&j, guess);
    for (; i < rows->count && !failed && j.used <= INT32_MAX; i++) {
        size_t length = size ? size : tail_of(rows, i, offset);
        char *w = room_for(&j, 3 * length + 8);
        offsets[i] = (int32_t)j.used;
        if (w)
            j.used = (size_t)(put_text(w, row(rows, i) + offset, length) - (char *)j.data);
        failed = !w;
    }
    offsets[i] = (int32_t)j.used;
    return hand_over(&j, failed, text);
}

long eu_gather_tails(const struct eu_rows *rows, size_t offset, size_t size, int32_t *offsets, void **bytes) {
    struct joined j = {0};
    size_t i = 0;
    int failed = 0;
    for (; i < rows->count && !failed && j.used <= INT32_MAX; i++) {
        size_t length = tail_of(rows, i, offset) / size * size;
        char *w = room_for(&j, length + 1);
        offsets[i] = (int32_t)(j.used / size);
        if (w)
            memcpy(w, row(rows, i) + offset, length);
        j.used += length;
        failed = !w;
    }
    offsets[i] = (int32_t)(j.used / size);
    return hand_over(&j, failed, bytes);
}

void eu_gather_rows(const struct eu_rows *rows, size_t stride, void *out) {
    uint8_t *w = out;
    for (size_t i = 0; i < rows->count; i++, w += stride) {
        size_t length = rows->lengths ? rows->lengths[i] : rows->stride;
        length = length < stride ? length : stride;
        memcpy(w, row(rows, i), length);
        memset(w + length, 0, stride - length);
    }
}

static int64_t number(const uint8_t *p, size_t size, int is_signed) {
    uint64_t value = 0;
    memcpy(&value, p, size);
    unsigned unused = 64 - 8 * (unsigned)size;
    return is_signed ? (int64_t)(value << unused) >> unused : (int64_t)value;
}

static int32_t find(const int64_t *numbers, size_t nr, int64_t wanted) {
    size_t low = 0, high = nr;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (numbers[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < nr && numbers[low] == wanted ? (int32_t)low : -1;
}

long eu_gather_codes(const struct eu_rows *rows, size_t offset, size_t size, int is_signed, const int64_t *numbers, size_t nr,
                     int32_t *out) {
    int64_t last = 0;
    int32_t code = find(numbers, nr, 0);
    long unknown = 0;
    for (size_t i = 0; i < rows->count; i++) {
        int64_t value = number(row(rows, i) + offset, size, is_signed);
        if (value != last) { /* most are what the one before was */
            last = value;
            code = find(numbers, nr, value);
        }
        out[i] = code;
        unknown += code < 0;
    }
    return unknown;
}

static int remains(const uint8_t *s, size_t size) {
    const uint8_t *end = memchr(s, 0, size);
    for (size_t i = end ? (size_t)(end - s) : size; i < size; i++)
        if (s[i])
            return 1;
    return 0;
}

int eu_has_remains(const struct eu_rows *rows, const uint32_t *places, const uint32_t *sizes, size_t nr) {
    for (size_t i = 0; i < rows->count; i++)
        for (size_t k = 0; k < nr; k++)
            if (remains(row(rows, i) + places[k], sizes[k]))
                return 1;
    return 0;
}

void eu_clean_text(void *data, size_t count, size_t stride, const uint32_t *places, const uint32_t *sizes, size_t nr) {
    uint8_t *at = data;
    for (size_t i = 0; i < count; i++, at += stride)
        for (size_t k = 0; k < nr; k++) {
            uint8_t *end = memchr(at + places[k], 0, sizes[k]);
            if (end)
                memset(end, 0, (size_t)(at + places[k] + sizes[k] - end));
        }
}
