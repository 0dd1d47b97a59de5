#include "histogram.h"
#include <stdio.h>

enum { LOG2_SLOTS = 64, NARROW_SLOTS = 32 };

static uint64_t largest(const uint64_t *counts, size_t count) {
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = counts[i] > most ? counts[i] : most;
    return most;
}

static void bar(struct eu_out *out, uint64_t count, uint64_t most, int width) {
    char stars[41];
    int length = most ? (int)((unsigned __int128)count * (unsigned)width / most) : 0;
    memset(stars, '*', length);
    memset(stars + length, ' ', width - length);
    eu_out_format(out, "%-8llu |%.*s|\n", (unsigned long long)count, width, stars);
}

void eu_log2_histogram(struct eu_out *out, const uint64_t *slots, size_t count, const char *unit) {
    uint64_t merged[LOG2_SLOTS] = {0};
    int last = -1;
    for (size_t i = 0; i < count; i++) {
        size_t slot = i < LOG2_SLOTS ? i : LOG2_SLOTS - 1; /* no 64-bit value is larger */
        merged[slot] += slots[i];
        if (slots[i])
            last = (int)slot;
    }
    if (last < 0)
        return;
    int wide = last > NARROW_SLOTS, width = wide ? 20 : 40, digits = wide ? 20 : 10;
    uint64_t most = largest(merged, LOG2_SLOTS);
    eu_out_format(out, "%*s%-*s : count    distribution\n", wide ? 15 : 5, "", wide ? 29 : 19, unit);
    for (int i = 0; i <= last; i++) {
        unsigned long long low = i ? 1ull << i : 0, high = i == 63 ? ~0ull : (1ull << (i + 1)) - 1;
        eu_out_format(out, "%*llu -> %-*llu : ", digits, low, digits, high);
        bar(out, merged[i], most, width);
    }
}

static void signed_row(struct eu_out *out, int slot, int negative, uint64_t count, uint64_t most, int digits, int width) {
    unsigned long long low = slot || negative ? 1ull << slot : 0, high = slot == 63 ? ~0ull : (1ull << (slot + 1)) - 1;
    char from[24], to[24];
    snprintf(from, sizeof(from), "%s%llu", negative ? "-" : "", negative ? high : low);
    snprintf(to, sizeof(to), "%s%llu", negative ? "-" : "", negative ? low : high);
    eu_out_format(out, "%*s -> %-*s : ", digits, from, digits, to);
    bar(out, count, most, width);
}

void eu_signed_log2_histogram(struct eu_out *out, const uint64_t *below, const uint64_t *slots, size_t count, const char *unit) {
    int lowest = -1, first = -1, last = -1;
    for (int i = 0; i < (int)count && i < LOG2_SLOTS; i++) {
        lowest = below[i] ? i : lowest;
        first = slots[i] && first < 0 ? i : first;
        last = slots[i] ? i : last;
    }
    if (lowest < 0 && last < 0)
        return;
    int wide = last > NARROW_SLOTS || lowest > NARROW_SLOTS, width = wide ? 20 : 40, digits = wide ? 20 : 10;
    uint64_t most = largest(slots, count), most_below = largest(below, count);
    most = most_below > most ? most_below : most;
    eu_out_format(out, "%*s%-*s : count    distribution\n", wide ? 15 : 5, "", wide ? 29 : 19, unit);
    for (int i = lowest; i >= 0; i--)
        signed_row(out, i, 1, below[i], most, digits, width);
    for (int i = lowest < 0 ? first : 0; i <= last; i++)
        signed_row(out, i, 0, slots[i], most, digits, width);
}

static void linear_title(struct eu_out *out, const char *unit) {
    eu_out_format(out, "     %-15s : count    distribution\n", unit);
}

static void linear_row(struct eu_out *out, uint64_t value, uint64_t count, uint64_t most) {
    eu_out_format(out, "%20llu : ", (unsigned long long)value);
    bar(out, count, most, 40);
}

void eu_linear_histogram(struct eu_out *out, const uint64_t *slots, size_t count, const char *unit) {
    size_t first = 0, last = 0;
    uint64_t most = largest(slots, count);
    if (!most)
        return;
    for (size_t i = count; i-- > 0;)
        if (slots[i])
            first = i;
    for (size_t i = 0; i < count; i++)
        if (slots[i])
            last = i;
    linear_title(out, unit);
    for (size_t i = first; i <= last; i++)
        linear_row(out, i, slots[i], most);
}

void eu_sparse_histogram(struct eu_out *out, const uint64_t *values, const uint64_t *counts, size_t count, const char *unit) {
    uint64_t most = largest(counts, count);
    if (!most)
        return;
    linear_title(out, unit);
    for (size_t i = 0; i < count; i++)
        if (counts[i])
            linear_row(out, values[i], counts[i], most);
}
