/* Reading bytecode: every offset, jump and count is checked here, so that running needs no checks. */
#include "filter.h"
#include "error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FILTER_LIMIT = 64 << 20 };

/* Where the checks of one program stand. */
struct check {
    const struct eu_plan *plan;
    const struct eu_filter_header *header;
    const struct eu_filter_program *program;
    size_t bounds[2]; /* bytes of the record, or key, and of the value */
    int flexible;
    size_t extent;
};

static int damaged(const char *what, unsigned long index) {
    return eu_fail(EBADMSG, "read filter: damaged: %s (%lu)", what, index);
}

static int is_second(int code) {
    return code >= EU_F_RANGE && code <= EU_F_GROUP;
}

/* Tests that are told by the one behind them. */
static int has_second(int code) {
    return code == EU_F_LOAD || code == EU_F_STRING || code == EU_F_SAME || code == EU_F_FLOATS;
}

static int is_string(int code) {
    return code >= EU_F_EQUAL && code <= EU_F_STRING;
}

static int check_pool(const struct check *c, uint64_t at, uint64_t size, unsigned long index) {
    if (at > c->header->pool_size || size > c->header->pool_size - at)
        return damaged("pool out of range", index);
    return 0;
}

static uint32_t width_of(const struct eu_filter_test *t) {
    static const uint8_t widths[] = {
        [EU_F_U8] = 1,  [EU_F_U16] = 2,   [EU_F_U32] = 4,    [EU_F_U64] = 8,    [EU_F_S8] = 1,    [EU_F_S16] = 2,
        [EU_F_S32] = 4, [EU_F_MASK8] = 1, [EU_F_MASK16] = 2, [EU_F_MASK32] = 4, [EU_F_MASK64] = 8};
    return t->code <= EU_F_MASK64 ? widths[t->code] : t->size;
}

/* The bytes that a test reads of the record or value. */
static int check_place(struct check *c, const struct eu_filter_test *t, unsigned long index) {
    size_t bound = c->bounds[t->flags & EU_F_VALUE];
    uint64_t size = width_of(t), end = t->offset + size;
    if (is_string(t->code)) {
        if (t->offset > bound || (size && end > bound))
            return damaged("string beyond its type", index);
        return 0;
    }
    if (!(t->flags & EU_F_VALUE) && c->flexible && bound < EU_FILTER_BEYOND)
        bound = EU_FILTER_BEYOND;
    if (!size || end > bound)
        return damaged("number beyond its type", index);
    if (!(t->flags & EU_F_VALUE) && end > c->extent)
        c->extent = end;
    return 0;
}

static int check_number(const struct eu_filter_test *t, unsigned long index) {
    if (t->flags & EU_F_FLOAT && t->code == EU_F_FLOATS)
        return t->size == 4 || t->size == 8 ? 0 : damaged("width of a float", index);
    if (t->size > 9 || t->shift > 7 || t->bits > 64 || (t->shift + t->bits > t->size * 8))
        return damaged("width of a number", index);
    if (!t->bits && (t->size > 8 || t->shift))
        return damaged("width of a number", index);
    return 0;
}

static int check_second(struct check *c, const struct eu_filter_test *t, unsigned long index) {
    switch (t->code) {
    case EU_F_SET:
        return t->offset % 8 || !t->size ? damaged("set", index) : check_pool(c, t->offset, (uint64_t)t->size * 16, index);
    case EU_F_BITMAP:
        if (t->b >= t->size * 8ull)
            return damaged("bitmap shorter than its range", index);
        return check_pool(c, t->offset, t->size, index);
    case EU_F_FIELD:
        return check_number(t, index) ? -EBADMSG : check_place(c, t, index);
    case EU_F_PIDS:
        return t->a < EU_PID_SETS ? 0 : damaged("set of processes", index);
    case EU_F_COMM:
        return check_pool(c, t->a, t->b, index);
    }
    return 0;
}

static int check_test(struct check *c, const struct eu_filter_test *t, unsigned long index, int is_last) {
    int err = 0;
    if (!t->code || t->code >= EU_F_CODES || is_second(t->code))
        return damaged("unknown test", index);
    if (t->flags & EU_F_VALUE && !c->bounds[1])
        return damaged("value of an event", index);
    if (has_second(t->code)) {
        int code = is_last ? 0 : t[1].code;
        if (t->code == EU_F_LOAD ? !is_second(code) : code != t->code)
            return damaged("half a test", index);
        if (t[1].flags & EU_F_VALUE && !c->bounds[1])
            return damaged("value of an event", index);
        err = t->code == EU_F_LOAD ? check_second(c, &t[1], index + 1) : check_place(c, &t[1], index + 1);
        if (!err && t->code == EU_F_FLOATS)
            err = check_number(&t[1], index + 1);
        if (!err && t->code == EU_F_SAME && t->size != t[1].size)
            err = damaged("bytes of two lengths", index);
    }
    if (!err && (t->code == EU_F_LOAD || t->code == EU_F_FLOATS))
        err = check_number(t, index);
    if (!err && t->code == EU_F_FLOAT_OP && t->size != 4 && t->size != 8)
        err = damaged("width of a float", index);
    if (!err && ((is_string(t->code) && t->code != EU_F_STRING) || t->code == EU_F_BYTES))
        err = check_pool(c, t->a, t->b, index);
    if (!err && t->code == EU_F_BYTES && t->b != t->size)
        err = damaged("bytes of two lengths", index);
    return err ? err : check_place(c, t, index);
}

/* Jumps go forward, to the start of a test, or out. `starts` says which entries are starts, as those before were checked. */
static int check_jump(const struct check *c, uint16_t to, uint32_t from, const uint8_t *seconds, unsigned long index) {
    if (to == EU_FILTER_PASS || to == EU_FILTER_DROP)
        return 0;
    if (to <= from || to >= c->program->count || seconds[to])
        return damaged("jump", index);
    return 0;
}

static int check_program(struct check *c, const struct eu_filter_test *tests, uint8_t *seconds) {
    uint32_t count = c->program->count;
    memset(seconds, 0, count);
    for (uint32_t i = 0; i < count; i++) {
        int err = check_test(c, &tests[i], c->program->first + i, i + 1 == count);
        if (err)
            return err;
        if (has_second(tests[i].code))
            seconds[++i] = 1;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!seconds[i] && (check_jump(c, tests[i].yes, i, seconds, c->program->first + i) ||
                            check_jump(c, tests[i].no, i, seconds, c->program->first + i)))
            return -EBADMSG;
    return 0;
}

/* What the plan says of a program's record type. */
static int find_type(struct check *c) {
    const struct eu_filter_program *p = c->program;
    const struct eu_plan *plan = c->plan;
    if (p->source >= plan->header.nr_sources)
        return damaged("source out of range", p->source);
    const struct eu_plan_source *source = &plan->sources[p->source];
    if (p->record >= (source->kind == EU_SAMPLE ? 1 : source->nr_records))
        return damaged("record type out of range", p->record);
    uint32_t type = source->kind == EU_SAMPLE ? source->key_type : plan->records[source->first_record + p->record].type;
    c->bounds[0] = plan->types[type].size;
    c->bounds[1] = source->kind == EU_SAMPLE ? plan->types[source->value_type].size : 0;
    c->flexible = source->kind != EU_SAMPLE && plan->flexible[type];
    c->extent = 0;
    if (p->first > c->header->nr_tests || p->count > c->header->nr_tests - p->first || !p->count || p->count > EU_FILTER_TESTS)
        return damaged("tests out of range", p->first);
    return 0;
}

static const struct eu_test drop = {.code = EU_TEST_DROP}, pass = {.code = EU_TEST_PASS};

static const struct eu_test *way(const struct eu_test *tests, uint16_t to) {
    return to == EU_FILTER_PASS ? &pass : to == EU_FILTER_DROP ? &drop : &tests[to];
}

/* Whether a range lies within what a number of this width can be, so that it may be told modulo its width. */
static int is_within(const struct eu_filter_test *t, uint32_t width) {
    uint64_t all = width < 8 ? (1ull << 8 * width) - 1 : ~0ull;
    int64_t least = -(int64_t)(all / 2) - 1, low = (int64_t)t->a;
    if (t->code >= EU_F_MASK8)
        return t->a <= all;
    if (t->code < EU_F_S8)
        return t->a <= all && t->b <= all - t->a;
    return low >= least && low <= (int64_t)(all / 2) && t->b <= (uint64_t)((int64_t)(all / 2) - low);
}

/* Bring a comparison of a plain number to the one form of all of them (filter.h), where 8 bytes can be read. */
static void make_plain(struct eu_test *test, const struct eu_filter_test *t, const struct check *c) {
    uint32_t width = width_of(t);
    size_t bound = c->bounds[0];
    if (t->code > EU_F_MASK64 || t->flags & EU_F_VALUE || bound < 8 || t->offset + width > bound || !is_within(t, width))
        return;
    test->is_plain = 1;
    test->at = t->offset + 8 <= bound ? t->offset : (uint32_t)bound - 8;
    test->right = (uint8_t)(8 * (t->offset - test->at));
    test->mask = width < 8 ? (1ull << 8 * width) - 1 : ~0ull;
    if (t->code >= EU_F_MASK8) {
        test->mask = t->a;
        test->low = t->b;
    } else {
        test->less = t->a;
        test->span = t->b;
    }
}

static struct eu_test *make_tests(const struct eu_filter *f, const struct eu_filter_test *from, struct check *c) {
    struct eu_test *tests = calloc(c->program->count, sizeof(*tests));
    for (uint32_t i = 0; i < c->program->count && tests; i++) {
        const struct eu_filter_test *t = &from[i];
        int in_pool = t->code == EU_F_SET || t->code == EU_F_BITMAP;
        int has_bytes = (is_string(t->code) && t->code != EU_F_STRING) || t->code == EU_F_BYTES || t->code == EU_F_COMM;
        tests[i] = (struct eu_test){.code = t->code,
                                    .flags = t->flags,
                                    .shift = t->shift,
                                    .bits = t->bits,
                                    .offset = t->offset,
                                    .size = t->size,
                                    .a = t->a,
                                    .b = t->b,
                                    .ways = {way(tests, t->no), way(tests, t->yes)},
                                    .bytes = in_pool     ? f->pool + t->offset
                                             : has_bytes ? f->pool + t->a
                                                         : NULL};
        make_plain(&tests[i], t, c);
        if (tests[i].is_plain && tests[i].at + 8 > c->extent)
            c->extent = tests[i].at + 8;
    }
    return tests;
}

static int read_program(struct eu_filter *f, struct check *c, const struct eu_filter_test *tests, uint8_t *seconds) {
    int err = find_type(c);
    if (!err)
        err = check_program(c, tests + c->program->first, seconds);
    if (err)
        return err;
    struct eu_program *program = &f->programs[f->first[c->program->source] + c->program->record];
    if (program->tests)
        return damaged("two programs of one type", c->program->source);
    program->tests = make_tests(f, tests + c->program->first, c);
    program->extent = c->extent;
    f->longest = c->extent > f->longest ? c->extent : f->longest;
    return program->tests ? 0 : eu_fail(ENOMEM, "read filter: out of memory");
}

static int check_header(const struct eu_filter_header *h, size_t size) {
    if (memcmp(h->magic, EU_FILTER_MAGIC, 4))
        return eu_fail(EBADMSG, "read filter: not a filter");
    if (h->version != EU_FILTER_VERSION)
        return eu_fail(ENOTSUP, "read filter: version %d, expected %d", h->version, EU_FILTER_VERSION);
    uint64_t needed = (uint64_t)h->nr_programs * sizeof(struct eu_filter_program) + (uint64_t)h->nr_tests * sizeof(struct eu_filter_test) +
                      h->pool_size + h->header_size;
    if (h->total_size != size || h->header_size < sizeof(*h) || needed != size)
        return eu_fail(EBADMSG, "read filter: %zu bytes, expected %llu", size, (unsigned long long)needed);
    return 0;
}

/* One place for each record type of the plan. */
static int make_places(struct eu_filter *f, const struct eu_plan *plan) {
    f->nr_sources = plan->header.nr_sources;
    f->first = calloc(f->nr_sources + 1, sizeof(*f->first));
    for (uint32_t i = 0; i < f->nr_sources && f->first; i++) {
        f->first[i] = f->nr_programs;
        uint64_t records = plan->sources[i].kind == EU_SAMPLE ? 1 : plan->sources[i].nr_records;
        if (f->nr_programs + records > FILTER_LIMIT)
            return eu_fail(EBADMSG, "read filter: the plan has too many record types");
        f->nr_programs += (uint32_t)records;
    }
    f->programs = calloc(f->nr_programs + 1, sizeof(*f->programs));
    return f->first && f->programs ? 0 : eu_fail(ENOMEM, "read filter: out of memory");
}

/* Programs and tests stand at any address of `bytes`: aligned copies. */
static void *copy(const uint8_t **at, size_t size) {
    void *made = malloc(size + 8);
    if (made) {
        memcpy(made, *at, size);
        memset((uint8_t *)made + size, 0, 8);
    }
    *at += size;
    return made;
}

static int read_all(struct eu_filter *f, const struct eu_plan *plan, const struct eu_filter_header *h, const uint8_t *at) {
    struct eu_filter_program *programs = copy(&at, h->nr_programs * sizeof(*programs));
    struct eu_filter_test *tests = copy(&at, h->nr_tests * sizeof(*tests));
    uint8_t *seconds = malloc(EU_FILTER_TESTS);
    f->pool = copy(&at, h->pool_size);
    int err = programs && tests && seconds && f->pool ? 0 : eu_fail(ENOMEM, "read filter: out of memory");
    for (uint32_t i = 0; i < h->nr_programs && !err; i++) {
        struct check c = {.plan = plan, .header = h, .program = &programs[i]};
        err = read_program(f, &c, tests, seconds);
    }
    free(programs);
    free(tests);
    free(seconds);
    if (!err && !(f->scratch = calloc(1, f->longest + 16)))
        err = eu_fail(ENOMEM, "read filter: out of memory");
    return err;
}

struct eu_filter *eu_filter_read(const struct eu_plan *plan, const void *bytes, size_t size) {
    struct eu_filter_header header;
    if (size < sizeof(header) || size > FILTER_LIMIT)
        return eu_fail_null(EBADMSG, "read filter: %zu bytes are not a filter", size);
    memcpy(&header, bytes, sizeof(header));
    if (check_header(&header, size))
        return NULL;
    struct eu_filter *f = calloc(1, sizeof(*f));
    if (!f)
        return eu_fail_null(ENOMEM, "read filter: out of memory");
    if (make_places(f, plan) || read_all(f, plan, &header, (const uint8_t *)bytes + header.header_size)) {
        eu_filter_free(f);
        return NULL;
    }
    return f;
}

struct eu_quick_filter eu_filter_quick(const struct eu_filter *f, const struct eu_plan *plan, int index) {
    const struct eu_plan_source *source = &plan->sources[index];
    struct eu_quick_filter quick = {0};
    if (source->kind == EU_SAMPLE || source->nr_records != 1 || plan->records[source->first_record].flags)
        return quick;
    const struct eu_program *program = &f->programs[f->first[index]];
    size_t size = plan->types[plan->records[source->first_record].type].size;
    quick.filter = f;
    quick.tests = program->tests ? program->tests : &drop;
    quick.size = size > program->extent ? size : program->extent;
    return quick;
}

void eu_filter_use(struct eu_filter *f, struct eu_members *members) {
    f->members = members;
}

void eu_filter_free(struct eu_filter *f) {
    if (!f)
        return;
    for (uint32_t i = 0; i < f->nr_programs && f->programs; i++)
        free(f->programs[i].tests);
    free(f->programs);
    free(f->first);
    free(f->pool);
    free(f->scratch);
    free(f);
}
