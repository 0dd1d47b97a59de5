/* Filters between reading (filter.c) and running (filter_run.c). */
#ifndef EUNOMIA_FILTER_H
#define EUNOMIA_FILTER_H
#include "eunomia.h"
#include "filter_code.h"
#include "plan_read.h"
#include <stddef.h>
#include <string.h>

/* A test as it runs: checked, its two ways as pointers. Most are plain: numbers of 1, 2, 4 or 8 bytes of the record, in a range or
 * under a mask. All of these are one form, which needs no dispatch: of the 8 bytes at `at`, shifted `right`,
 * ((x - less) & mask) - low <= span. */
struct eu_test {
    uint32_t at;
    uint8_t is_plain, right, code, flags;
    uint64_t less, mask, low, span;
    const struct eu_test *ways[2]; /* no, yes */
    /* the general form, as in filter_code.h */
    uint8_t shift, bits;
    uint32_t offset, size;
    uint64_t a, b;
    const uint8_t *bytes; /* of the pool */
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
/* Go on at a test that is not plain. */
int eu_filter_rest(const struct eu_filter *filter, const struct eu_test *test, const uint8_t *record, size_t size);

/* A record (no element of a map) that is as long as all of its numbers need. */
static inline int eu_filter_run(const struct eu_filter *filter, const struct eu_test *t, const uint8_t *record, size_t size) {
    while (t->is_plain) {
        uint64_t x;
        memcpy(&x, record + t->at, sizeof(x));
        t = t->ways[((x >> t->right) - t->less & t->mask) - t->low <= t->span];
    }
    if (t->code == EU_TEST_DROP)
        return 0;
    return t->code == EU_TEST_PASS || eu_filter_rest(filter, t, record, size);
}

static inline int eu_filter_quick_drops(const struct eu_quick_filter *q, const uint8_t *record, size_t size) {
    return q->filter && size >= q->size && !eu_filter_run(q->filter, q->tests, record, size);
}
#endif
