/* Filters between reading (filter.c) and running (filter_run.c). */
#ifndef EUNOMIA_FILTER_H
#define EUNOMIA_FILTER_H
#include "eunomia.h"
#include "filter_code.h"
#include "plan_read.h"
#include <stddef.h>

/* A test as it runs: checked, its two ways as pointers. */
struct eu_test {
    uint8_t code, flags, shift, bits;
    uint32_t offset, size;
    uint64_t a, b;
    const struct eu_test *ways[2]; /* no, yes */
    const uint8_t *bytes;          /* of the pool */
};
enum { EU_TEST_DROP = 0, EU_TEST_PASS = 255 };

struct eu_program {
    struct eu_test *tests; /* NULL: all are dropped */
    size_t extent;         /* bytes of a record that numbers are read from */
};

struct eu_filter {
    struct eu_program *programs;
    uint32_t *first; /* program of a source's first record type */
    uint32_t nr_sources, nr_programs;
    uint8_t *pool, *scratch;
    size_t longest; /* extent of all */
    struct eu_members *members;
};

/* A short way for records that are dropped, where all of a source's are of one type. */
struct eu_quick_filter {
    const struct eu_filter *filter; /* NULL: there is no such way */
    const struct eu_test *tests;
    size_t size; /* for records of at least so many bytes */
};
struct eu_quick_filter eu_filter_quick(const struct eu_filter *filter, const struct eu_plan *plan, int source);
/* A record (no element of a map) that is as long as all of its numbers need. */
int eu_filter_run(const struct eu_filter *filter, const struct eu_test *tests, const uint8_t *record, size_t size);

static inline int eu_filter_quick_drops(const struct eu_quick_filter *q, const uint8_t *record, size_t size) {
    return q->filter && size >= q->size && !eu_filter_run(q->filter, q->tests, record, size);
}
#endif
