/* Consumers of BPF_MAP_TYPE_RINGBUF (kernel/bpf/ringbuf.c) and of perf buffers (PERF_COUNT_SW_BPF_OUTPUT).
 * The consumer's position is published once for many records: the kernel wakes a reader for a record only when it had caught
 * up, so fewer publications are fewer interrupts in the traced program. */
#define _GNU_SOURCE
#include "reader.h"
#include "error.h"
#include "object.h"
#include "out.h"
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEFAULT_PERF_PAGES = 64, COUNT_LOST = 1 << 4 /* PERF_FORMAT_LOST */ };

struct perf_cpu {
    int fd, cpu;
    struct perf_event_mmap_page *page;
};

struct eu_buffer {
    int is_ring, counts_lost, fd; /* of a ring */
    size_t size, page_size;
    uint64_t *consumer;
    const uint64_t *producer;
    const uint8_t *data;
    struct perf_cpu *cpus;
    int nr_cpus, next_cpu;
    uint64_t lost, lost_counted, discarded, taken;
    uint8_t *wrapped; /* a perf record that goes around the end */
    struct eu_object *object;
    int map;
};

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
    return 0;
}

static int open_cpu(struct eu_buffer *b, const struct eu_map_info *info, int cpu) {
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_SW_BPF_OUTPUT,
        .sample_period = 1,
        .sample_type = PERF_SAMPLE_RAW,
        .wakeup_events = 1,
        .read_format = COUNT_LOST,
    };
    struct perf_cpu *c = &b->cpus[b->nr_cpus];
    uint32_t key = (uint32_t)cpu;
    c->cpu = cpu;
    c->fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (c->fd < 0 && errno == EINVAL) { /* before 6.0 */
        attr.read_format = 0;
        c->fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    }
    b->counts_lost = attr.read_format != 0;
    if (c->fd < 0)
        return errno == ENODEV ? 0 : eu_fail(errno, "open perf buffer %s on CPU %d: %s", info->name, cpu, eu_strerror(errno)); /* offline */
    void *page = mmap(NULL, b->page_size + b->size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
    if (page == MAP_FAILED) {
        int err = errno;
        close(c->fd);
        return eu_fail(err, "map perf buffer %s on CPU %d: %s", info->name, cpu, eu_strerror(err));
    }
    c->page = page;
    b->nr_cpus++;
    if (ioctl(c->fd, PERF_EVENT_IOC_ENABLE, 0))
        return eu_fail(errno, "enable perf buffer %s on CPU %d: %s", info->name, cpu, eu_strerror(errno));
    return eu_map_update(b->object, b->map, &key, &c->fd, 0);
}

static void close_cpus(struct eu_buffer *b) {
    for (int i = 0; i < b->nr_cpus; i++) {
        munmap(b->cpus[i].page, b->page_size + b->size);
        close(b->cpus[i].fd); /* its element of the map goes with it */
    }
    b->nr_cpus = 0;
}

static int open_cpus(struct eu_buffer *b, const struct eu_map_info *info, int cpus) {
    int err = 0;
    for (int cpu = 0; cpu < cpus && !err; cpu++)
        err = open_cpu(b, info, cpu);
    return err;
}

static int open_perf(struct eu_buffer *b, const struct eu_map_info *info, int pages) {
    int cpus = eu_possible_cpus(), err;
    if (!pages)
        pages = b->object->perf_pages[b->map];
    int chosen = pages;
    if (!pages)
        pages = DEFAULT_PERF_PAGES;
    if (pages < 0 || pages & (pages - 1))
        return eu_fail(EINVAL, "open perf buffer %s: %d pages, expected a power of two", info->name, pages);
    if (cpus < 0)
        return cpus;
    if ((uint32_t)cpus > info->max_entries)
        cpus = (int)info->max_entries;
    b->size = b->page_size * (size_t)pages;
    b->cpus = calloc(cpus + 1, sizeof(*b->cpus));
    b->wrapped = malloc(65536); /* a record's size has 16 bits */
    if (!b->cpus || !b->wrapped)
        return eu_fail(ENOMEM, "open perf buffer %s: out of memory", info->name);
    /* EPERM: /proc/sys/kernel/perf_event_mlock_kb and RLIMIT_MEMLOCK allow no more */
    while ((err = open_cpus(b, info, cpus)) && !chosen && (err == -EPERM || err == -ENOMEM) && b->size > b->page_size) {
        close_cpus(b);
        b->size /= 2;
    }
    return err;
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
        err = open_perf(b, &info, perf_pages);
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
    close_cpus(b);
    free(b->cpus);
    free(b->wrapped);
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
    for (int i = 0; i < b->nr_cpus; i++)
        if (__atomic_load_n(&b->cpus[i].page->data_head, __ATOMIC_ACQUIRE) != b->cpus[i].page->data_tail)
            return EU_READY;
    return EU_EMPTY;
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

static int take_perf(struct eu_buffer *b, const struct perf_event_header *header, eu_take take, void *context) {
    const uint8_t *body = (const uint8_t *)(header + 1);
    if (header->type == PERF_RECORD_LOST && header->size >= sizeof(*header) + 16) {
        uint64_t lost;
        memcpy(&lost, body + 8, 8); /* behind the event's id */
        b->lost += lost;
    } else if (header->type == PERF_RECORD_SAMPLE && header->size >= sizeof(*header) + 4) {
        uint32_t size;
        memcpy(&size, body, 4);
        if (size <= header->size - sizeof(*header) - 4)
            return take(context, body + 4, size);
    }
    return 0;
}

static size_t consume_cpu(struct eu_buffer *b, struct perf_cpu *c, size_t limit, eu_take take, void *context, int *stop) {
    const uint8_t *data = (const uint8_t *)c->page + b->page_size;
    uint64_t head = __atomic_load_n(&c->page->data_head, __ATOMIC_ACQUIRE), tail = c->page->data_tail, start = tail;
    while (tail != head && !*stop && tail - start < limit) {
        size_t offset = tail & (b->size - 1);
        const struct perf_event_header *header = (const void *)(data + offset);
        size_t size = header->size;
        if (size < sizeof(*header)) { /* never; but it would never end */
            tail = head;
            break;
        }
        if (offset + size > b->size) {
            size_t first = b->size - offset;
            memcpy(b->wrapped, header, first);
            memcpy(b->wrapped + first, data, size - first);
            header = (const void *)b->wrapped;
        }
        *stop = take_perf(b, header, take, context);
        if (*stop == 2)
            break;
        b->taken++;
        tail += size;
    }
    __atomic_store_n(&c->page->data_tail, tail, __ATOMIC_RELEASE);
    return tail - start;
}

size_t eu_buffer_consume(struct eu_buffer *b, size_t limit, eu_take take, void *context) {
    size_t done = 0;
    int stop = 0;
    if (b->is_ring)
        return consume_ring(b, limit, take, context);
    for (int i = 0; i < b->nr_cpus && !stop && done < limit; i++) {
        struct perf_cpu *c = &b->cpus[(b->next_cpu + i) % b->nr_cpus]; /* no CPU always first */
        done += consume_cpu(b, c, limit - done, take, context, &stop);
    }
    if (b->nr_cpus)
        b->next_cpu = (b->next_cpu + 1) % b->nr_cpus;
    return done;
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

/* The kernel writes how many it lost into the buffer once the next record fits: its counter knows the last ones too (6.0+). */
void eu_buffer_count_lost(struct eu_buffer *b) {
    uint64_t counted[2], sum = 0;
    for (int i = 0; i < b->nr_cpus && b->counts_lost; i++)
        if (read(b->cpus[i].fd, counted, sizeof(counted)) == sizeof(counted))
            sum += counted[1];
    if (sum > b->lost_counted)
        __atomic_store_n(&b->lost_counted, sum, __ATOMIC_RELAXED); /* others may ask too */
}

uint64_t eu_buffer_lost(const struct eu_buffer *b) {
    return b->lost > b->lost_counted ? b->lost : b->lost_counted;
}
