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
#endif
