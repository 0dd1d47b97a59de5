/* Running a filter: one test after the other, each with a way for yes and one for no. What filter.c checked is not checked again. */
#define _GNU_SOURCE
#include "filter.h"
#include "members.h"
#include <string.h>

#define LOAD(type, p)                                                                                                                      \
    ({                                                                                                                                     \
        type loaded;                                                                                                                       \
        memcpy(&loaded, p, sizeof(loaded));                                                                                                \
        loaded;                                                                                                                            \
    })

/* The record as its tests see it: numbers from a place that is long enough, strings from the record itself. */
struct view {
    const uint8_t *numbers[2], *texts[2];
    size_t size; /* of the record */
};

struct text {
    const uint8_t *at;
    size_t room;
};

/* Where a string lies and how far it may go. */
static inline struct text text_of(const struct view *v, const struct eu_test *t) {
    int in_value = t->flags & EU_F_VALUE;
    size_t left = in_value ? t->size : v->size > t->offset ? v->size - t->offset : 0;
    if (t->size && left > t->size)
        left = t->size;
    return (struct text){left ? v->texts[in_value] + t->offset : (const uint8_t *)"", left};
}

static uint64_t number(const struct view *v, const struct eu_test *t) {
    const uint8_t *p = v->numbers[t->flags & EU_F_VALUE] + t->offset;
    unsigned __int128 all = 0;
    unsigned bits = t->bits ? t->bits : t->size * 8;
    if (t->flags & EU_F_BIG_ENDIAN)
        for (uint32_t i = 0; i < t->size; i++)
            all = all << 8 | p[i];
    else
        memcpy(&all, p, t->size);
    uint64_t value = (uint64_t)(all >> t->shift);
    if (bits < 64) {
        value &= (1ull << bits) - 1;
        if (t->flags & EU_F_SIGNED && value >> (bits - 1))
            value |= ~0ull << bits;
    }
    return value;
}

/* Whether left < right, each signed or not. */
static int is_less(uint64_t left, int left_signed, uint64_t right, int right_signed) {
    int left_negative = left_signed && (int64_t)left < 0, right_negative = right_signed && (int64_t)right < 0;
    if (left_negative != right_negative)
        return left_negative;
    return left < right;
}

static int relates(int relation, double left, double right) {
    switch (relation) {
    case EU_F_LT:
        return left < right;
    case EU_F_LE:
        return left <= right;
    case EU_F_GT:
        return left > right;
    case EU_F_GE:
        return left >= right;
    }
    return left == right;
}

static double floating(const struct view *v, const struct eu_test *t) {
    const uint8_t *p = v->numbers[t->flags & EU_F_VALUE] + t->offset;
    if (t->flags & EU_F_FLOAT || t->code == EU_F_FLOAT_OP)
        return t->size == 4 ? (double)LOAD(float, p) : LOAD(double, p);
    uint64_t value = number(v, t);
    return t->flags & EU_F_SIGNED ? (double)(int64_t)value : (double)value;
}

static int in_set(const struct eu_test *t, uint64_t value) {
    uint32_t low = 0, high = t->size;
    value -= t->a;
    if (value > t->b)
        return 0;
    while (low < high) { /* the last pair that does not begin behind it */
        uint32_t middle = low + (high - low) / 2;
        if (LOAD(uint64_t, t->bytes + middle * 16ul) <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low && value <= LOAD(uint64_t, t->bytes + (low - 1) * 16ul + 8);
}

static int asked(const struct eu_filter *f, const struct view *v, const struct eu_test *load, const struct eu_test *t) {
    uint64_t value = number(v, load) & load->a, other;
    switch (t->code) {
    case EU_F_RANGE:
        return value - t->a <= t->b;
    case EU_F_SET:
        return in_set(t, value);
    case EU_F_BITMAP:
        return value - t->a <= t->b && t->bytes[(value - t->a) / 8] >> (value - t->a) % 8 & 1;
    case EU_F_FIELD:
        other = number(v, t) & t->a;
        if (!load->b)
            return value == other && !is_less(value, load->flags & EU_F_SIGNED, other, t->flags & EU_F_SIGNED) &&
                   !is_less(other, t->flags & EU_F_SIGNED, value, load->flags & EU_F_SIGNED);
        return load->b == 1 ? is_less(value, load->flags & EU_F_SIGNED, other, t->flags & EU_F_SIGNED)
                            : !is_less(other, t->flags & EU_F_SIGNED, value, load->flags & EU_F_SIGNED);
    case EU_F_PIDS:
        return f->members && eu_members_has_pid(f->members, (int)t->a, value);
    case EU_F_UID:
        return f->members && eu_members_uid_is(f->members, value, t->a);
    case EU_F_COMM:
        return f->members && eu_members_comm_matches(f->members, value, t->bytes, t->b);
    case EU_F_GROUP:
        return f->members && eu_members_has_group(f->members, value);
    }
    return 0;
}

static int string(const struct view *v, const struct eu_test *t) {
    struct text s = text_of(v, t), other;
    size_t size;
    switch (t->code) {
    case EU_F_EQUAL:
        return s.room >= t->b && !memcmp(s.at, t->bytes, t->b) && (s.room == t->b || !s.at[t->b]);
    case EU_F_PREFIX: /* it holds no NUL: one that the text has before its end differs from it */
        return s.room >= t->b && !memcmp(s.at, t->bytes, t->b);
    }
    size = strnlen((const char *)s.at, s.room);
    switch (t->code) {
    case EU_F_SUFFIX:
        return size >= t->b && !memcmp(s.at + size - t->b, t->bytes, t->b);
    case EU_F_CONTAINS:
        return memmem(s.at, size, t->bytes, t->b) != NULL;
    case EU_F_GLOB:
        return eu_glob(t->bytes, t->b, s.at, size);
    }
    other = text_of(v, t + 1);
    return strnlen((const char *)other.at, other.room) == size && !memcmp(s.at, other.at, size);
}

static int bytes(const struct view *v, const struct eu_test *t) {
    const uint8_t *p = v->numbers[t->flags & EU_F_VALUE] + t->offset;
    const uint8_t *other = t->code == EU_F_BYTES ? t->bytes : v->numbers[t[1].flags & EU_F_VALUE] + t[1].offset;
    return !memcmp(p, other, t->size);
}

/* The rarer tests. */
static __attribute__((noinline)) int general(const struct eu_filter *f, const struct view *v, const struct eu_test *t) {
    switch (t->code) {
    case EU_F_LOAD:
        return asked(f, v, t, t + 1);
    case EU_F_BYTES:
    case EU_F_SAME:
        return bytes(v, t);
    case EU_F_FLOAT_OP:
        return relates(t->bits, floating(v, t), LOAD(double, &t->a));
    case EU_F_FLOATS:
        return relates((int)t->b, floating(v, t), floating(v, t + 1));
    }
    return string(v, t);
}

#define RANGE(code, type, wide)                                                                                                            \
    case code:                                                                                                                             \
        yes = (uint64_t)(wide)LOAD(type, p) - t->a <= t->b;                                                                                \
        break
#define MASK(code, type)                                                                                                                   \
    case code:                                                                                                                             \
        yes = (LOAD(type, p) & t->a) == t->b;                                                                                              \
        break
static int run(const struct eu_filter *f, const struct eu_test *t, const struct view *v) {
    for (;;) {
        const uint8_t *p = v->numbers[t->flags & EU_F_VALUE] + t->offset;
        int yes;
        switch (t->code) {
        case EU_TEST_DROP:
            return 0;
        case EU_TEST_PASS:
            return 1;
            RANGE(EU_F_U8, uint8_t, uint64_t);
            RANGE(EU_F_U16, uint16_t, uint64_t);
            RANGE(EU_F_U32, uint32_t, uint64_t);
            RANGE(EU_F_U64, uint64_t, uint64_t);
            RANGE(EU_F_S8, int8_t, int64_t);
            RANGE(EU_F_S16, int16_t, int64_t);
            RANGE(EU_F_S32, int32_t, int64_t);
            MASK(EU_F_MASK8, uint8_t);
            MASK(EU_F_MASK16, uint16_t);
            MASK(EU_F_MASK32, uint32_t);
            MASK(EU_F_MASK64, uint64_t);
        default:
            yes = general(f, v, t);
        }
        t = t->ways[yes];
    }
}

int eu_filter_rest(const struct eu_filter *f, const struct eu_test *t, const uint8_t *record, size_t size) {
    const struct view v = {{record, NULL}, {record, NULL}, size};
    return run(f, t, &v);
}

int eu_filter_pass(const struct eu_filter *f, int source, int match, const uint8_t *record, size_t size, const uint8_t *value) {
    const struct eu_program *program = &f->programs[f->first[source] + (uint32_t)match];
    if (!program->tests)
        return 0;
    if (!value && size >= program->extent)
        return eu_filter_run(f, program->tests, record, size);
    struct view v = {{record, value}, {record, value}, size};
    if (__builtin_expect(size < program->extent, 0)) {
        memcpy(f->scratch, record, size);
        memset(f->scratch + size, 0, program->extent - size);
        v.numbers[0] = f->scratch;
    }
    return run(f, program->tests, &v);
}
