/* Records one by one, for readers that are called again while they read, or that do not come back. What was taken and what the writers
 * know of are two positions: room is given back for many records at once, as in reader.c. */
#define _GNU_SOURCE
#include "reader_parts.h"
#include <linux/bpf.h>
#include <poll.h>
#include <string.h>

static size_t ring_room(uint32_t length) {
    return ((length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)) + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
}

/* Processors see a stream by themselves, but not into the next page: half of the time for a record of 64 bytes is this wait. Only what is
 * written: the writers' own lines are left to them. */
static void fetch_ahead(const uint8_t *header, uint64_t left) {
    enum { AHEAD = 8192 };
    if (left > AHEAD)
        __builtin_prefetch(header + AHEAD);
}

static int peek_ring(struct eu_buffer *b, const uint8_t **record, size_t *size) {
    uint64_t written;
    while (b->at < (written = __atomic_load_n(b->producer, __ATOMIC_ACQUIRE))) {
        const uint8_t *header = b->data + (b->at & (b->size - 1));
        fetch_ahead(header, written - b->at);
        uint32_t length = __atomic_load_n((const uint32_t *)header, __ATOMIC_ACQUIRE);
        if (length & BPF_RINGBUF_BUSY_BIT)
            break;
        if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
            *record = header + BPF_RINGBUF_HDR_SZ;
            *size = length;
            b->peeked = ring_room(length);
            return 1;
        }
        b->discarded += ring_room(length) > BPF_RINGBUF_HDR_SZ;
        b->taken++;
        b->at += ring_room(length);
    }
    return 0;
}

/* The whole record at a CPU's position; what goes around the end is put together. */
static const struct perf_event_header *perf_record(struct eu_buffer *b, const struct perf_cpu *c) {
    const uint8_t *data = (const uint8_t *)c->page + b->page_size;
    size_t offset = c->at & (b->size - 1);
    const struct perf_event_header *header = (const void *)(data + offset);
    if (offset + header->size <= b->size)
        return header;
    size_t first = b->size - offset, size = header->size;
    memcpy(b->wrapped, header, first);
    memcpy(b->wrapped + first, data, size - first);
    return (const void *)b->wrapped;
}

static int peek_cpu(struct eu_buffer *b, struct perf_cpu *c, const uint8_t **record, size_t *size) {
    uint64_t head = __atomic_load_n(&c->page->data_head, __ATOMIC_ACQUIRE), lost;
    while (c->at != head) {
        const struct perf_event_header *header = perf_record(b, c);
        const uint8_t *body = (const uint8_t *)(header + 1);
        uint32_t length = 0;
        if (header->size < sizeof(*header)) { /* never; but it would never end */
            c->at = head;
            break;
        }
        if (header->type == PERF_RECORD_SAMPLE && header->size >= sizeof(*header) + 4) {
            memcpy(&length, body, 4);
            if (length <= header->size - sizeof(*header) - 4) {
                *record = body + 4;
                *size = length;
                b->peeked = header->size;
                b->peeked_at = c;
                return 1;
            }
        } else if (header->type == PERF_RECORD_LOST && header->size >= sizeof(*header) + 16) {
            memcpy(&lost, body + 8, 8); /* behind the event's id */
            b->lost += lost;
        }
        c->at += header->size;
    }
    return 0;
}

/* A CPU's records until it has none, then the next CPU's. */
static int peek_perf(struct eu_buffer *b, const uint8_t **record, size_t *size) {
    for (int i = 0; i < b->nr_cpus; i++) {
        struct perf_cpu *c = &b->cpus[b->next_cpu];
        if (peek_cpu(b, c, record, size))
            return 1;
        b->next_cpu = (b->next_cpu + 1) % b->nr_cpus;
    }
    return 0;
}

int eu_buffer_peek(struct eu_buffer *b, const uint8_t **record, size_t *size) {
    b->peeked = 0;
    return b->is_ring ? peek_ring(b, record, size) : peek_perf(b, record, size);
}

void eu_buffer_take(struct eu_buffer *b) {
    if (!b->peeked)
        return;
    b->taken++;
    if (b->is_ring)
        b->at += b->peeked;
    else
        b->peeked_at->at += b->peeked;
    b->peeked = 0;
}

void eu_buffer_publish(struct eu_buffer *b) {
    if (b->is_ring && b->at != *b->consumer)
        __atomic_store_n(b->consumer, b->at, __ATOMIC_RELEASE);
    for (int i = 0; i < b->nr_cpus; i++)
        if (b->cpus[i].at != b->cpus[i].page->data_tail)
            __atomic_store_n(&b->cpus[i].page->data_tail, b->cpus[i].at, __ATOMIC_RELEASE);
}

/* A record and what pads it: both are multiples of 8, for which a call of memcpy() takes longer than the copy. */
static void copy_words(uint8_t *to, const uint8_t *from, size_t size) {
    if (size > 512) {
        memcpy(to, from, size);
        return;
    }
    for (; size >= 32; size -= 32, to += 32, from += 32)
        memcpy(to, from, 32);
    for (; size; size -= 8, to += 8, from += 8)
        memcpy(to, from, 8);
}

size_t eu_buffer_copy(struct eu_buffer *b, uint8_t *out, size_t room) {
    const size_t step = b->size / 4, mask = b->size - 1;
    uint64_t at = b->at, written, published = at;
    size_t used = 0, taken = 0;
    if (!b->is_ring)
        return 0;
    while (at < (written = __atomic_load_n(b->producer, __ATOMIC_ACQUIRE))) {
        for (; at < written && at - published < step; taken++) {
            const uint8_t *header = b->data + (at & mask);
            fetch_ahead(header, written - at);
            uint32_t length = __atomic_load_n((const uint32_t *)header, __ATOMIC_ACQUIRE);
            size_t whole = ring_room(length);
            if (length & BPF_RINGBUF_BUSY_BIT || (!(length & BPF_RINGBUF_DISCARD_BIT) && whole > room - used))
                goto out;
            at += whole;
            if (length & BPF_RINGBUF_DISCARD_BIT) {
                b->discarded += whole > BPF_RINGBUF_HDR_SZ;
                continue;
            }
            const uint64_t sizes = (uint64_t)length << 32 | length;
            memcpy(out + used, &sizes, sizeof(sizes));
            copy_words(out + used + sizeof(sizes), header + BPF_RINGBUF_HDR_SZ, whole - BPF_RINGBUF_HDR_SZ);
            used += whole;
        }
        __atomic_store_n(b->consumer, published = at, __ATOMIC_RELEASE); /* room for the writers */
    }
out:
    b->at = at;
    b->taken += taken;
    return used;
}

int eu_buffer_nr_fds(const struct eu_buffer *b) {
    return b->is_ring ? 1 : b->nr_cpus;
}

int eu_buffer_pollfds(const struct eu_buffer *b, struct pollfd *fds, int room) {
    int count = eu_buffer_nr_fds(b);
    for (int i = 0; i < count && i < room; i++)
        fds[i] = (struct pollfd){.fd = b->is_ring ? b->fd : b->cpus[i].fd, .events = POLLIN};
    return count < room ? count : room;
}
