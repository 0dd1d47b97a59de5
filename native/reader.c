/* Consumer of BPF_MAP_TYPE_RINGBUF (kernel/bpf/ringbuf.c), and what rings and perf buffers have in common.
 * The consumer's position is published once for many records: the kernel wakes a reader for a record only when it had caught
 * up, so fewer publications are fewer interrupts in the traced program. */
#define _GNU_SOURCE
#include "error.h"
#include "out.h"
#include "reader_parts.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

static int open_ring(struct eu_buffer *b, const struct eu_map_info *info) {
    b->is_ring = 1;
    b->fd = info->fd;
    b->size = info->max_entries;
    b->consumer = mmap(NULL, b->page_size, PROT_READ | PROT_WRITE, MAP_SHARED, info->fd, 0);
    if (b->consumer == MAP_FAILED) {
        b->consumer = NULL;
        return eu_fail(errno, "map ring buffer %s: %s", info->name, eu_strerror(errno));
    }
    /* the data twice in a row, so that no record is cut in two */
    void *rest = mmap(NULL, b->page_size + 2 * b->size, PROT_READ, MAP_SHARED, info->fd, (off_t)b->page_size);
    if (rest == MAP_FAILED)
        return eu_fail(errno, "map ring buffer %s: %s", info->name, eu_strerror(errno));
    b->producer = rest;
    b->data = (const uint8_t *)rest + b->page_size;
    b->at = *b->consumer;
    return 0;
}

struct eu_buffer *eu_buffer_open(struct eu_object *object, int map, int perf_pages) {
    struct eu_map_info info;
    struct eu_buffer *b = calloc(1, sizeof(*b));
    int err = b ? eu_map_get(object, map, &info) : eu_fail(ENOMEM, "open buffer: out of memory");
    if (err) {
        free(b);
        return NULL;
    }
    b->object = object;
    b->map = map;
    b->fd = -1;
    b->page_size = (size_t)sysconf(_SC_PAGESIZE);
    if (info.type == BPF_MAP_TYPE_RINGBUF)
        err = open_ring(b, &info);
    else if (info.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
        err = eu_perf_open(b, &info, perf_pages);
    else
        err = eu_fail(EINVAL, "open buffer %s: map type %u is neither ring nor perf buffer", info.name, info.type);
    if (!err)
        return b;
    eu_buffer_close(b);
    return NULL;
}

void eu_buffer_close(struct eu_buffer *b) {
    if (!b)
        return;
    if (b->consumer)
        munmap(b->consumer, b->page_size);
    if (b->producer)
        munmap((void *)b->producer, b->page_size + 2 * b->size);
    if (!b->is_ring)
        eu_perf_close(b);
    free(b);
}

int eu_buffer_watch(struct eu_buffer *b, int epoll_fd, uint64_t data) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
    int err = b->is_ring ? epoll_ctl(epoll_fd, EPOLL_CTL_ADD, b->fd, &event) : 0;
    for (int i = 0; i < b->nr_cpus && !err; i++)
        err = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, b->cpus[i].fd, &event);
    return err ? eu_fail(errno, "watch buffer: %s", eu_strerror(errno)) : 0;
}

enum eu_state eu_buffer_state(const struct eu_buffer *b) {
    if (b->is_ring) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        uint64_t at = *b->consumer;
        if (at >= __atomic_load_n(b->producer, __ATOMIC_ACQUIRE))
            return EU_EMPTY;
        uint32_t length = __atomic_load_n((const uint32_t *)(b->data + (at & (b->size - 1))), __ATOMIC_ACQUIRE);
        return length & BPF_RINGBUF_BUSY_BIT ? EU_BUSY : EU_READY;
    }
    return eu_perf_state(b);
}

int eu_buffer_is_ring(const struct eu_buffer *b) {
    return b->is_ring;
}

int eu_buffer_ready(const struct eu_buffer *b) {
    return eu_buffer_state(b) == EU_READY;
}

/* What is there at the start of the round: running after records that come meanwhile would take their cache lines from the program
 * that writes the next ones. */
static size_t consume_ring(struct eu_buffer *b, size_t limit, eu_take take, void *context) {
    uint64_t at = *b->consumer, start = at, published = at, mask = b->size - 1;
    uint64_t end = __atomic_load_n(b->producer, __ATOMIC_ACQUIRE);
    int stop = 0;
    while (at < end && !stop && at - start < limit) {
        const uint8_t *header = b->data + (at & mask);
        uint32_t length = __atomic_load_n((const uint32_t *)header, __ATOMIC_ACQUIRE);
        if (length & BPF_RINGBUF_BUSY_BIT)
            break;
        size_t size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        if (!(length & BPF_RINGBUF_DISCARD_BIT))
            stop = take(context, header + BPF_RINGBUF_HDR_SZ, size);
        else
            b->discarded += size > 0; /* empty ones only wake (eunomia_accounting.h) */
        if (stop == 2)
            break;
        b->taken++;
        at += (size + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
        if (at - published >= b->size / 4) { /* room for the writers */
            __atomic_store_n(b->consumer, at, __ATOMIC_RELEASE);
            published = at;
        }
    }
    if (at != published)
        __atomic_store_n(b->consumer, at, __ATOMIC_RELEASE);
    return at - start;
}

size_t eu_buffer_consume(struct eu_buffer *b, size_t limit, eu_take take, void *context) {
    return b->is_ring ? consume_ring(b, limit, take, context) : eu_perf_consume(b, limit, take, context);
}

size_t eu_buffer_size(const struct eu_buffer *b) {
    return b->size;
}

uint64_t eu_buffer_position(const struct eu_buffer *b, uint64_t *producer) {
    *producer = __atomic_load_n(b->producer, __ATOMIC_ACQUIRE);
    return *b->consumer;
}

uint64_t eu_buffer_taken(const struct eu_buffer *b) {
    return b->taken;
}

uint64_t eu_buffer_discarded(const struct eu_buffer *b) {
    return b->discarded;
}

uint64_t eu_buffer_lost(const struct eu_buffer *b) {
    return b->lost > b->lost_counted ? b->lost : b->lost_counted;
}
