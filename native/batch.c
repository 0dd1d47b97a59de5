/* Records of one ring or perf buffer for Python, many at a time: copied once, apart by type, into memory that the caller gets. */
#define _GNU_SOURCE
#include "accounting.h"
#include "blocks.h"
#include "error.h"
#include "filter.h"
#include "out.h"
#include "reader.h"
#include "view.h"
#include "wakeup.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct part {
    struct eu_part rows;
    size_t size, usual; /* of the type; bytes that the last batch had of it */
    int flexible;
};

struct eu_batcher {
    struct eu_view *view;
    struct eu_filter *filter;
    const struct eu_plan *plan;
    struct part *parts;
    int source, nr_parts;
    void *order; /* uint16_t: part of each record, in order of arrival */
    size_t count, bytes, max_records, max_bytes;
    int out_of_memory;
    struct eu_account counted;
};

struct eu_batcher *eu_batcher_new(struct eu_plan *plan, int source, const void *filter, size_t filter_size) {
    static const struct eu_format format = {.format = 1};
    struct eu_batcher *b = calloc(1, sizeof(*b));
    if (!b)
        return eu_fail_null(ENOMEM, "open batches: out of memory");
    b->view = eu_view_new(plan, source, &format, 0);
    if (!b->view || (filter && !(b->filter = eu_filter_read(plan, filter, filter_size)))) {
        eu_batcher_free(b);
        return NULL;
    }
    b->plan = plan;
    b->source = source;
    b->nr_parts = eu_view_types(b->view);
    b->parts = calloc(b->nr_parts + 1, sizeof(*b->parts));
    if (!b->parts) {
        eu_batcher_free(b);
        return eu_fail_null(ENOMEM, "open batches: out of memory");
    }
    for (int i = 0; i < b->nr_parts; i++) {
        uint32_t type = plan->records[plan->sources[source].first_record + i].type;
        b->parts[i].size = plan->types[type].size;
        b->parts[i].flexible = plan->flexible[type];
    }
    return b;
}

static void forget(struct eu_batcher *b) {
    for (int i = 0; i < b->nr_parts && b->parts; i++) {
        struct eu_part *rows = &b->parts[i].rows;
        eu_release(rows->data);
        eu_release(rows->starts);
        eu_release(rows->lengths);
    }
    eu_release(b->order);
}

void eu_batcher_free(struct eu_batcher *b) {
    if (!b)
        return;
    forget(b);
    free(b->parts);
    eu_filter_free(b->filter);
    eu_view_free(b->view);
    free(b);
}

/* Room for one element more at the end. */
static int one_more(void **block, size_t count, size_t size) {
    return eu_block_room(*block) < (count + 1) * size ? eu_block_grow(block, count * size, (count + 1) * size) : 0;
}

static int make_room(struct eu_batcher *b, struct part *p, size_t bytes) {
    struct eu_part *rows = &p->rows;
    if (!rows->data || rows->used + bytes > eu_block_room(rows->data)) {
        size_t wanted = rows->used + bytes;
        if (eu_block_grow(&rows->data, rows->used, wanted > p->usual ? wanted : p->usual))
            return -ENOMEM;
    }
    if (p->flexible && (one_more(&rows->starts, rows->count, sizeof(uint64_t)) || one_more(&rows->lengths, rows->count, sizeof(uint32_t))))
        return -ENOMEM;
    return b->nr_parts > 1 ? one_more(&b->order, b->count, sizeof(uint16_t)) : 0;
}

/* What a short record lacks is zero; what the kernel padded a fixed one with is left out. */
static void put(struct eu_batcher *b, int match, const uint8_t *record, size_t size, size_t bytes) {
    struct part *p = &b->parts[match];
    uint8_t *w = (uint8_t *)p->rows.data + p->rows.used;
    size_t copied = size < bytes ? size : bytes;
    memcpy(w, record, copied);
    if (copied < bytes)
        memset(w + copied, 0, bytes - copied);
    if (p->flexible) {
        ((uint64_t *)p->rows.starts)[p->rows.count] = p->rows.used;
        ((uint32_t *)p->rows.lengths)[p->rows.count] = (uint32_t)size;
    }
    if (b->nr_parts > 1)
        ((uint16_t *)b->order)[b->count] = (uint16_t)match;
    p->rows.used += bytes;
    p->rows.count++;
    b->bytes += bytes;
    b->count++;
}

/* An eu_take: 2 stops before a record that does not fit any more. */
static int collect(void *context, const uint8_t *record, size_t size) {
    struct eu_batcher *b = context;
    if (b->count >= b->max_records)
        return 2;
    int match = eu_view_match(b->view, record, size);
    if (match < 0) {
        b->counted.lost[EU_UNDECODABLE]++;
        return 0;
    }
    if (b->filter && !eu_filter_pass(b->filter, b->source, match, record, size, NULL)) {
        b->counted.filtered++;
        return 0;
    }
    struct part *p = &b->parts[match];
    size_t bytes = p->size;
    if (p->flexible)
        bytes = ((size > bytes ? size : bytes) + 7) & ~(size_t)7;
    if (b->count && b->bytes + bytes > b->max_bytes)
        return 2;
    if (make_room(b, p, bytes)) {
        b->out_of_memory = 1;
        return 2;
    }
    put(b, match, record, size, bytes);
    return 0;
}

long eu_batcher_add(struct eu_batcher *b, const void *record, size_t size) {
    size_t before = b->count;
    b->max_records = b->max_bytes = SIZE_MAX;
    if (collect(b, record, size) == 2)
        return eu_fail(ENOMEM, "read records: out of memory");
    return (long)(b->count - before);
}

/* A block that is mostly empty stays here: a program may keep thousands of small batches. */
static void *fitting(void **block, size_t used) {
    void *own = *block;
    if (used < eu_block_room(own) / 4) {
        void *copy = eu_block(used);
        if (copy) {
            memcpy(copy, own, used);
            return copy;
        }
    }
    *block = NULL;
    return own;
}

/* Hand over what was collected; the caller owns it from here on. */
long eu_batcher_take(struct eu_batcher *b, struct eu_part *parts, uint16_t **order) {
    long count = (long)b->count;
    for (int i = 0; i < b->nr_parts; i++) {
        struct part *p = &b->parts[i];
        struct eu_part *rows = &p->rows;
        parts[i] = (struct eu_part){.used = rows->used, .count = rows->count, .stride = p->flexible ? 0 : p->size};
        if (rows->count) {
            parts[i].data = fitting(&rows->data, rows->used);
            p->usual = rows->used;
        }
        if (rows->count && p->flexible) {
            parts[i].starts = fitting(&rows->starts, rows->count * sizeof(uint64_t));
            parts[i].lengths = fitting(&rows->lengths, rows->count * sizeof(uint32_t));
        }
        rows->used = rows->count = 0;
    }
    *order = count && b->nr_parts > 1 ? fitting(&b->order, b->count * sizeof(uint16_t)) : NULL;
    b->count = b->bytes = 0;
    return count;
}

static void raise_to(uint64_t *count, uint64_t value) {
    if (value > *count)
        __atomic_store_n(count, value, __ATOMIC_RELAXED);
}

void eu_batcher_delivered(struct eu_batcher *b, uint64_t delivered, uint64_t dropped) {
    raise_to(&b->counted.delivered, delivered);
    raise_to(&b->counted.lost[EU_QUEUE_FULL], dropped);
}

struct eu_reader {
    struct eu_batcher *batcher;
    struct eu_buffer *buffer;
    struct eu_accounting *accounting;
    struct eu_tally tally;
    struct eu_waiter waiter;
    int epoll_fd;
};

enum { RECORDS, WAKE };

static int open_reader(struct eu_reader *r, struct eu_object *object, int map, int perf_pages, int wake_fd) {
    struct epoll_event wake = {.events = EPOLLIN, .data.u64 = WAKE};
    r->buffer = eu_buffer_open(object, map, perf_pages);
    if (!r->buffer)
        return -EINVAL;
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (r->epoll_fd < 0 || epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, wake_fd, &wake))
        return eu_fail(errno, "open reader: %s", eu_strerror(errno));
    eu_waiter_open(&r->waiter, object, EU_ADAPTIVE);
    int err = eu_waiter_add(&r->waiter, r->buffer, r->epoll_fd, RECORDS);
    if (err)
        return err;
    r->accounting = eu_accounting_open(object);
    if (!r->accounting)
        return -ENOMEM;
    eu_tally_join(&r->tally, r->accounting, map, &r->batcher->counted, r->buffer);
    return 0;
}

struct eu_reader *eu_reader_new(struct eu_object *object, int map, int perf_pages, int wake_fd, struct eu_batcher *batcher) {
    struct eu_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return eu_fail_null(ENOMEM, "open reader: out of memory");
    r->epoll_fd = -1;
    r->batcher = batcher;
    if (!open_reader(r, object, map, perf_pages, wake_fd))
        return r;
    eu_reader_free(r);
    return NULL;
}

void eu_reader_free(struct eu_reader *r) {
    if (!r)
        return;
    eu_tally_leave(&r->tally);
    eu_accounting_close(r->accounting);
    eu_waiter_close(&r->waiter);
    eu_buffer_close(r->buffer);
    if (r->epoll_fd >= 0)
        close(r->epoll_fd);
    free(r);
}

int eu_reader_fd(struct eu_reader *r) {
    return r->epoll_fd;
}

int eu_reader_arm(struct eu_reader *r) {
    return eu_waiter_arm(&r->waiter);
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int eu_reader_wait(struct eu_reader *r, int timeout_ms) {
    struct epoll_event event;
    int64_t end = now_ms() + timeout_ms;
    int left = timeout_ms;
    for (;;) {
        int n = eu_waiter_wait(&r->waiter, r->epoll_fd, &event, 1, left);
        if (n < 0 && errno != EINTR)
            return eu_fail(errno, "wait for records: %s", eu_strerror(errno));
        if (n || eu_buffer_ready(r->buffer)) /* also a signal: its handler is Python's */
            return 0;
        int64_t rest = end - now_ms();
        if (timeout_ms >= 0 && rest <= 0)
            return 0;
        left = timeout_ms < 0 ? -1 : (int)rest;
        eu_waiter_round(&r->waiter, 0, 0);
    }
}

long eu_reader_collect(struct eu_reader *r, size_t max_records, size_t max_bytes) {
    struct eu_batcher *b = r->batcher;
    uint64_t before = eu_buffer_taken(r->buffer);
    size_t size = eu_buffer_size(r->buffer);
    b->max_records = max_records;
    b->max_bytes = max_bytes;
    b->out_of_memory = 0;
    /* at most once around the buffer: a filter that drops everything must not keep the caller while others write */
    size_t bytes = eu_buffer_consume(r->buffer, size, collect, b);
    eu_waiter_round(&r->waiter, eu_buffer_taken(r->buffer) - before, bytes >= size / 8 || eu_buffer_ready(r->buffer));
    if (b->out_of_memory && !b->count)
        return eu_fail(ENOMEM, "read records: out of memory");
    return (long)b->count;
}

uint64_t eu_reader_lost(struct eu_reader *r) {
    return eu_buffer_lost(r->buffer);
}

void eu_reader_account(struct eu_reader *r, struct eu_account *account) {
    *account = (struct eu_account){.kind = r->batcher->plan->sources[r->batcher->source].kind};
    eu_tally_account(&r->tally, account);
}
