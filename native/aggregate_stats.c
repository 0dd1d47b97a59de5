/* Statistics of a field: count, true sum, least, most, and log2 buckets. Sums are 128 bits wide: 2^64 values of 2^64 fit. */
#include "aggregate_parts.h"
#include "decoders.h"
#include "histogram.h"
#include "number.h"
#include <math.h>

static size_t nr_buckets(const struct eu_aggregate *a) {
    return a->is_signed ? 2 * BUCKETS : BUCKETS;
}

size_t eu_stats_size(const struct eu_aggregate *a) {
    return a->has_number ? sizeof(struct stats) + nr_buckets(a) * sizeof(uint64_t) : 0;
}

static inline size_t bucket_of(uint64_t magnitude, int negative) {
    size_t length = magnitude ? 64 - (size_t)__builtin_clzll(magnitude) : 0;
    return negative ? BUCKETS + length : length;
}

static void add_float(struct stats *s, double value) {
    if (isnan(value)) {
        s->not_numbers++;
        return;
    }
    double size = fabs(value);
    s->fmin = !s->count || value < s->fmin ? value : s->fmin;
    s->fmax = !s->count || value > s->fmax ? value : s->fmax;
    s->fsum += value;
    s->count++;
    s->buckets[bucket_of(size < 0x1p64 ? (uint64_t)size : UINT64_MAX, value <= -1)]++;
}

void eu_stats_add(const struct eu_aggregate *a, struct stats *s, const struct shape *shape, const uint8_t *record) {
    const struct part *part = &shape->number;
    int is_float = a->show.plan->types[part->field.type].kind == EU_FLOAT;
    if (is_float) {
        add_float(s, eu_part_float(part, record));
        return;
    }
    int64_t number = eu_part_number(a->show.plan, part, record);
    int negative = part->is_signed && number < 0;
    if (a->is_float) {
        add_float(s, part->is_signed ? (double)number : (double)(uint64_t)number);
        return;
    }
    wide value = part->is_signed ? (wide)number : (wide)(uint64_t)number;
    s->min = !s->count || value < s->min ? value : s->min;
    s->max = !s->count || value > s->max ? value : s->max;
    s->sum += value;
    s->count++;
    s->buckets[bucket_of(negative ? -(uint64_t)number : (uint64_t)number, negative)]++;
}

static double least(const struct eu_aggregate *a, const struct stats *s) {
    return a->is_float ? s->fmin : (double)s->min;
}

static double most(const struct eu_aggregate *a, const struct stats *s) {
    return a->is_float ? s->fmax : (double)s->max;
}

double eu_stats_mean(const struct eu_aggregate *a, const struct stats *s) {
    if (!s->count)
        return 0;
    return (a->is_float ? s->fsum : (double)s->sum) / (double)s->count;
}

/* Bucket i in the order of its values, the most negative first: its index, and the values it holds. */
static size_t in_order(const struct eu_aggregate *a, size_t i, double *low, double *high) {
    size_t negative = a->is_signed ? BUCKETS : 0;
    size_t length = i < negative ? BUCKETS - 1 - i : i - negative;
    double from = length ? ldexp(1, (int)length - 1) : 0, to = length ? ldexp(1, (int)length) - (a->is_float ? 0 : 1) : a->is_float;
    *low = i < negative ? -to : from;
    *high = i < negative ? -from : to;
    return i < negative ? BUCKETS + length : length;
}

double eu_stats_percentile(const struct eu_aggregate *a, const struct stats *s, double share) {
    double wanted = share * (double)s->count, below = 0, low, high;
    for (size_t i = 0; i < nr_buckets(a); i++) {
        double inside = (double)s->buckets[in_order(a, i, &low, &high)];
        if (!inside || below + inside < wanted) {
            below += inside;
            continue;
        }
        low = low < least(a, s) ? least(a, s) : low;
        high = high > most(a, s) ? most(a, s) : high;
        double value = low + (high - low) * (wanted - below) / inside;
        return a->is_float ? value : round(value);
    }
    return most(a, s);
}

double eu_stats_number(const struct eu_aggregate *a, const struct stats *s, enum column column) {
    switch (column) {
    case BY_SUM:
        return a->is_float ? s->fsum : (double)s->sum;
    case BY_MIN:
        return least(a, s);
    case BY_MAX:
        return most(a, s);
    case BY_MEAN:
        return eu_stats_mean(a, s);
    case BY_P50:
        return eu_stats_percentile(a, s, 0.5);
    case BY_P99:
        return eu_stats_percentile(a, s, 0.99);
    default:
        return (double)s->count;
    }
}

static void put_double(struct eu_out *out, double value) {
    char *w = eu_out_room(out, EU_NUMBER_ROOM);
    if (w)
        out->used = (size_t)(eu_put_double(w, value, 0) - out->data);
}

static void put_wide(const struct eu_aggregate *a, struct eu_out *out, wide value, int text) {
    wide safe = (wide)1 << 53;
    int quote = !text && a->show.format.big_ints && (value > safe || value < -safe);
    char *w = eu_out_room(out, EU_NUMBER_ROOM + 2);
    if (!w)
        return;
    if (quote)
        *w++ = '"';
    w = eu_put_i128(w, value);
    if (quote)
        *w++ = '"';
    out->used = (size_t)(w - out->data);
}

/* Amounts of time and of memory as tables show them elsewhere; 0: plain numbers. */
static int put_amount(const struct eu_aggregate *a, struct eu_out *out, double value) {
    const struct eu_format *format = &a->show.format;
    if (!a->is_amount || format->format || format->raw_values || !(fabs(value) < 0x1p62))
        return 0;
    return eu_decode_number(&a->show, out, a->number_decoder, a->number_type, (int64_t)round(value), 1);
}

/* A mean has as many decimals as help to tell it from others. */
static void put_mean(const struct eu_aggregate *a, struct eu_out *out, double mean, int text) {
    double size = fabs(mean);
    if (!text || !isfinite(mean))
        put_double(out, mean);
    else
        eu_out_format(out, "%.*f", size < 10 ? 2 : size < 1000 ? 1 : 0, mean);
}

void eu_stats_show(const struct eu_aggregate *a, const struct stats *s, enum column column, struct eu_out *out, int text) {
    if (!s->count && column != BY_COUNT) {
        eu_out_text(out, text ? "-" : "null");
        return;
    }
    if (text && a->options->top && column != BY_COUNT && put_amount(a, out, eu_stats_number(a, s, column)))
        return;
    if (column == BY_MEAN) {
        put_mean(a, out, eu_stats_mean(a, s), text);
    } else if (column == BY_COUNT) {
        put_wide(a, out, (wide)s->count, text);
    } else if (a->is_float) {
        put_double(out, eu_stats_number(a, s, column));
    } else if (column == BY_P50 || column == BY_P99) {
        put_wide(a, out, (wide)eu_stats_number(a, s, column), text);
    } else {
        put_wide(a, out, column == BY_SUM ? s->sum : column == BY_MIN ? s->min : s->max, text);
    }
}

/* The largest value of a bucket, as JSON has it. */
static void put_bound(const struct eu_aggregate *a, struct eu_out *out, size_t bucket) {
    size_t length = bucket % BUCKETS;
    wide high = ((wide)1 << length) - !a->is_float; /* floats: below it */
    if (bucket >= BUCKETS)
        high = -((wide)1 << (length - 1));
    put_wide(a, out, high, 0);
}

static void put_buckets(const struct eu_aggregate *a, const struct stats *s, struct eu_out *out) {
    size_t count = nr_buckets(a), first = count, last = 0;
    double low, high;
    for (size_t i = 0; i < count; i++)
        if (s->buckets[in_order(a, i, &low, &high)]) {
            first = first < i ? first : i;
            last = i;
        }
    for (size_t i = first; i <= last && first < count; i++) {
        size_t bucket = in_order(a, i, &low, &high);
        if (bucket == BUCKETS) /* no number is a negative zero */
            continue;
        eu_out_text(out, i == first ? "{\"le\":" : ",{\"le\":");
        put_bound(a, out, bucket);
        eu_out_format(out, ",\"count\":%llu}", (unsigned long long)s->buckets[bucket]);
    }
}

void eu_stats_json(const struct eu_aggregate *a, const struct stats *s, struct eu_out *out) {
    static const struct {
        const char *name;
        enum column column;
    } all[] = {{"sum", BY_SUM}, {"min", BY_MIN}, {"max", BY_MAX}, {"mean", BY_MEAN}, {"p50", BY_P50}, {"p99", BY_P99}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        eu_out_format(out, ",\"%s\":", all[i].name);
        eu_stats_show(a, s, all[i].column, out, 0);
    }
    if (s->not_numbers)
        eu_out_format(out, ",\"nan\":%llu", (unsigned long long)s->not_numbers);
    eu_out_text(out, ",\"buckets\":[");
    put_buckets(a, s, out);
    eu_out_char(out, ']');
}

static const char *unit_of(const struct eu_aggregate *a) {
    switch (a->number_decoder) {
    case EU_DURATION_NS:
        return "nsecs";
    case EU_DURATION_US:
        return "usecs";
    case EU_DURATION_MS:
        return "msecs";
    case EU_DURATION_S:
        return "secs";
    case EU_SIZE:
        return "bytes";
    }
    return a->number_path;
}

void eu_stats_text(const struct eu_aggregate *a, const struct stats *s, struct eu_out *out) {
    uint64_t slots[BUCKETS - 1], below[BUCKETS - 1] = {0};
    slots[0] = s->buckets[0] + s->buckets[1]; /* 0 and 1, as the histograms of sampled maps */
    for (size_t i = 1; i < BUCKETS - 1; i++)
        slots[i] = s->buckets[i + 1];
    for (size_t i = 0; i < BUCKETS - 1 && a->is_signed; i++)
        below[i] = s->buckets[BUCKETS + i + 1];
    eu_signed_log2_histogram(out, below, slots, BUCKETS - 1, unit_of(a));
    static const char *const names[] = {"count", "sum", "min", "max", "mean", "p50 ~", "p99 ~"};
    for (enum column column = BY_COUNT; column <= BY_P99; column++) {
        eu_out_format(out, "%s%s%s", column == BY_COUNT ? "" : ", ", names[column - BY_COUNT], column >= BY_P50 ? "" : " ");
        eu_stats_show(a, s, column, out, 1);
    }
    if (s->not_numbers)
        eu_out_format(out, ", %llu not numbers", (unsigned long long)s->not_numbers);
    eu_out_char(out, '\n');
}
