/* Filters as bytecode, version 1: events/filter/ compiles them, filter.c reads and checks them. Little-endian, no padding that is
 * not named: header, programs, tests, pool (bytes). docs/reference/filter.md is its specification.
 *
 * A program belongs to one record type of a source (a sampled map has one). Its tests are tried from the first on; each goes on at
 * `yes` or at `no`, forward only, until the record passes or is dropped. Records of types without a program are dropped. */
#ifndef EUNOMIA_FILTER_CODE_H
#define EUNOMIA_FILTER_CODE_H
#include <stdint.h>

#define EU_FILTER_MAGIC "EUFL"
#define EU_FILTER_VERSION 1
enum {
    EU_FILTER_TESTS = 16384, /* of one program, at most */
    EU_FILTER_DROP = 0xfffe,
    EU_FILTER_PASS = 0xffff,
    EU_FILTER_BEYOND = 1 << 16 /* bytes of a record that numbers of its flexible end may lie in */
};

struct eu_filter_header { /* 32 bytes */
    char magic[4];
    uint16_t version, header_size;
    uint32_t total_size, nr_programs, nr_tests, pool_size;
    uint32_t reserved[2];
};
struct eu_filter_program {                 /* 16 bytes */
    uint32_t source, record, first, count; /* record: index within the source; first, count: of its tests */
};
enum { EU_F_VALUE = 1, EU_F_SIGNED = 2, EU_F_BIG_ENDIAN = 4, EU_F_FLOAT = 8 };
struct eu_filter_test { /* 32 bytes */
    uint8_t code, flags, shift, bits;
    uint16_t yes, no;      /* tests of this program, or EU_FILTER_PASS, EU_FILTER_DROP */
    uint32_t offset, size; /* the bytes of the record (EU_F_VALUE: of the map's value) */
    uint64_t a, b;
};
enum eu_filter_code {
    EU_F_U8 = 1, /* v - a <= b, modulo 2^64: a range, also of signed numbers */
    EU_F_U16,
    EU_F_U32,
    EU_F_U64,
    EU_F_S8,
    EU_F_S16,
    EU_F_S32,
    EU_F_MASK8, /* (v & a) == b */
    EU_F_MASK16,
    EU_F_MASK32,
    EU_F_MASK64,
    EU_F_LOAD,  /* any whole number: `bits` bits (0: all) of `size` bytes from bit `shift`, then & a. The test behind it says what is asked:
                 */
    EU_F_RANGE, /* v - a <= b */
    EU_F_SET,   /* v - a <= b, and within one of `size` pairs (first, last, 8 bytes each, less a) at `offset` of the pool, ascending */
    EU_F_BITMAP, /* v - a <= b, and its bit is set in `size` bytes at `offset` of the pool */
    EU_F_FIELD,  /* a field like that of EU_F_LOAD: `b` of the load says 0 equal, 1 less, 2 less or equal */
    EU_F_PIDS,   /* the process is in set a of eu_filter_use() */
    EU_F_UID,    /* /proc: its user is a */
    EU_F_COMM,   /* /proc: its name matches the pattern of b bytes at a of the pool */
    EU_F_GROUP,  /* the control group is that of eu_filter_use(), or below it */
    EU_F_EQUAL,  /* a string (size 0: to the record's end), up to its first NUL, and the b bytes at a of the pool */
    EU_F_PREFIX,
    EU_F_SUFFIX,
    EU_F_CONTAINS,
    EU_F_GLOB,
    EU_F_STRING,   /* a string: equal to that of the test behind it, EU_F_STRING too */
    EU_F_BYTES,    /* the bytes are the b bytes at a of the pool */
    EU_F_SAME,     /* the bytes are those of the test behind it, EU_F_SAME too */
    EU_F_FLOAT_OP, /* a float of `size` bytes: `bits` as eu_filter_relation with the double a */
    EU_F_FLOATS,   /* a number (EU_F_FLOAT: a float) in that relation to that of the test behind it, EU_F_FLOATS too */
    EU_F_CODES
};
enum eu_filter_relation { EU_F_EQ, EU_F_LT, EU_F_LE, EU_F_GT, EU_F_GE };
#endif
