/* What the files of aggregation share: keys out of records (aggregate_key.c), the table of keys (aggregate_table.c), statistics of
 * a field (aggregate_stats.c), the largest events (aggregate_top.c), and how all of it is printed (aggregate_print.c). */
#ifndef EUNOMIA_AGGREGATE_PARTS_H
#define EUNOMIA_AGGREGATE_PARTS_H
#include "aggregate.h"
#include "fields.h"
#include "heap.h"
#include "live.h"
#include "table.h"
#include "value.h"

enum {
    FIELDS_LIMIT = 16,     /* of --count-by */
    KEY_LIMIT = 4096,      /* bytes of a key */
    KEYS_LIMIT = 100000,   /* that are kept apart */
    BYTES_LIMIT = 64 << 20 /* of keys and statistics, or of the largest events */
};

/* How a field becomes part of a key, so that equal values are equal bytes. */
enum part_kind {
    PART_NUMBER, /* 8 bytes, sign-extended by its type: the same in records that have it in other widths */
    PART_STRING, /* up to its NUL, and the NUL */
    PART_BYTES,  /* size bytes, padding and what lies behind strings zeroed */
    PART_REST    /* an array to the record's end: 4 bytes of size, then these */
};
struct part {
    struct eu_field field;
    uint8_t kind, is_signed;
    uint32_t size; /* of the type in the record; a string's may be 0: to the end */
};

/* A record type. */
struct shape {
    int takes_part;
    uint16_t variant; /* the first shape whose fields look the same: its keys are this one's */
    struct part key[FIELDS_LIMIT], number;
    size_t need; /* bytes that the fixed parts lie in */
};

typedef __int128 wide __attribute__((aligned(8)));
enum { BUCKETS = 65 }; /* a value's bucket is the length of its magnitude in bits, 0 to 64 */
struct stats {
    uint64_t count, not_numbers;
    wide sum, min, max; /* integers */
    double fsum, fmin, fmax;
    uint64_t buckets[]; /* BUCKETS of values from 0 up; where values may be negative as many of these */
};

struct row {
    uint64_t hash, count;
    double rank; /* while rows are sorted: a mean or percentile, estimated once */
    uint32_t key_size;
    uint16_t variant;
    struct stats stats[]; /* one with --hist */
};

struct row_table {
    struct row_slot {
        uint32_t tag, at; /* at: of the row in `rows`, in words of 8 bytes; 0: free */
    } *slots;
    size_t nr_slots, nr_rows, keys_limit;
    uint8_t *rows; /* each a struct row, its statistics and its key */
    size_t used, room, bytes_limit, key_at;
    uint64_t seed;
};

enum column { BY_KEY, BY_COUNT, BY_SUM, BY_MIN, BY_MAX, BY_MEAN, BY_P50, BY_P99 };

struct top;
struct eu_aggregate {
    struct eu_show show;
    const struct eu_run_options *options;
    char *paths[FIELDS_LIMIT], *number_path; /* as they were given */
    int nr_key, has_number, is_float, is_signed;
    int nr_shapes, *first_shape; /* of each source */
    struct shape *shapes;
    struct row_table table;
    struct stats *other; /* of events that found no room; has statistics also without --hist */
    uint64_t other_count, all_others, events, printed_events, lost;
    uint32_t number_type;
    uint16_t number_decoder;
    int is_amount; /* of time or memory */
    int sort_column, sort_key, ascending, clear, has_printed, has_header, is_live;
    struct top *top; /* --top and --sort without keys: the largest events */
    struct eu_live live;
    uint8_t *scratch; /* a record shorter than its fields, with zeroes after it */
    size_t scratch_size;
    uint8_t key[KEY_LIMIT + 16];
};

/* Make the shape of a record type; 0: it lacks a field. */
int eu_key_shape(const struct eu_aggregate *a, uint32_t type, struct shape *shape);
/* Whether keys of two shapes are shown the same way. */
int eu_key_same(const struct eu_aggregate *a, const struct shape *left, const struct shape *right);
enum { EU_KEY_TOO_LONG = -1, EU_KEY_ABSENT = -2 /* the record ends before a field */ };
/* Write the key of a record into a->key; its size, or one of these. */
long eu_key_make(struct eu_aggregate *a, const struct shape *shape, const uint8_t *record, size_t size);
/* Where part i of a key begins, and its size without what frames it. */
const uint8_t *eu_key_part(const struct shape *shape, const uint8_t *key, int i, size_t *size);
/* Append part i of a key as the record's view would show it. */
void eu_key_show(const struct eu_aggregate *a, const struct shape *shape, const uint8_t *key, int i, struct eu_out *out, int text);
int eu_key_compare(const struct eu_aggregate *a, const struct shape *shape, const uint8_t *left, const uint8_t *right, int i);
int64_t eu_part_number(const struct eu_plan *plan, const struct part *part, const uint8_t *record);
double eu_part_float(const struct part *part, const uint8_t *record);

/* The row of a key, made where there is none; NULL: no room for another. */
struct row *eu_rows_find(struct row_table *t, const uint8_t *key, size_t size, uint16_t variant);
int eu_rows_open(struct row_table *t, size_t stats_size);
void eu_rows_clear(struct row_table *t);
void eu_rows_free(struct row_table *t);
static inline struct row *eu_row_at(const struct row_table *t, uint32_t at) {
    return (struct row *)(t->rows + (size_t)at * 8);
}
static inline const uint8_t *eu_row_key(const struct row_table *t, const struct row *row) {
    return (const uint8_t *)row + t->key_at;
}

size_t eu_stats_size(const struct eu_aggregate *a);
void eu_stats_add(const struct eu_aggregate *a, struct stats *s, const struct shape *shape, const uint8_t *record);
double eu_stats_mean(const struct eu_aggregate *a, const struct stats *s);
/* The value below which this share of the values lies, estimated from the buckets. */
double eu_stats_percentile(const struct eu_aggregate *a, const struct stats *s, double share);
double eu_stats_number(const struct eu_aggregate *a, const struct stats *s, enum column column);
void eu_stats_show(const struct eu_aggregate *a, const struct stats *s, enum column column, struct eu_out *out, int text);
void eu_stats_json(const struct eu_aggregate *a, const struct stats *s, struct eu_out *out);
void eu_stats_text(const struct eu_aggregate *a, const struct stats *s, struct eu_out *out);

struct top *eu_top_new(struct eu_aggregate *a);
void eu_top_free(struct top *top);
/* 0: taken (or too small), -ENOMEM: it cannot be kept. */
int eu_top_add(struct eu_aggregate *a, int source, int match, const struct shape *shape, const uint8_t *record, size_t size);
/* Append the events, the largest first; returns how many. */
size_t eu_top_rows(struct eu_aggregate *a, struct eu_out *out, const char *time, size_t time_size, size_t limit);
void eu_top_clear(struct top *top);
size_t eu_top_count(const struct top *top);

const char *eu_aggregate_column(enum column column);
/* Append what was gathered in the run's format. */
void eu_aggregate_show(struct eu_aggregate *a, struct eu_out *out, const char *time, size_t time_size);
#endif
