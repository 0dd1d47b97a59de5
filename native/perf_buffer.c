/* Consumer of perf buffers (PERF_COUNT_SW_BPF_OUTPUT; kernel/events/ring_buffer.c), one for each CPU.
 *
 * How a buffer wakes is fixed when its event is opened: here with each record, at 7 us for the traced program. While the reader polls,
 * programs write through a second event into the same buffer (PERF_EVENT_IOC_SET_OUTPUT), which wakes when it is half full: the map's
 * elements are exchanged. A program that holds the old element ends within its helper call, with preemption off. */
#define _GNU_SOURCE
#include "error.h"
#include "out.h"
#include "reader_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEFAULT_PAGES = 64, COUNT_LOST = 1 << 4 /* PERF_FORMAT_LOST */ };

static int open_event(struct eu_buffer *b, int cpu, uint32_t wakeup_events) {
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_SW_BPF_OUTPUT,
        .sample_period = 1,
        .sample_type = PERF_SAMPLE_RAW,
        .wakeup_events = wakeup_events,
        .read_format = COUNT_LOST,
    };
    int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0 && errno == EINVAL) { /* before 6.0 */
        attr.read_format = 0;
        fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    }
    b->counts_lost = attr.read_format != 0;
    return fd;
}

static int open_cpu(struct eu_buffer *b, const struct eu_map_info *info, int cpu) {
    struct perf_cpu *c = &b->cpus[b->nr_cpus];
    uint32_t key = (uint32_t)cpu;
    *c = (struct perf_cpu){.cpu = cpu, .fd = open_event(b, cpu, 1), .quiet_fd = -1};
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
    return bpf_map_update_elem(b->fd, &key, &c->fd, 0) ? eu_fail(errno, "update perf buffer %s: %s", info->name, eu_strerror(errno)) : 0;
}

static void close_cpus(struct eu_buffer *b) {
    for (int i = 0; i < b->nr_cpus; i++) {
        munmap(b->cpus[i].page, b->page_size + b->size);
        close(b->cpus[i].fd);
        if (b->cpus[i].quiet_fd >= 0)
            close(b->cpus[i].quiet_fd);
    }
    b->nr_cpus = 0;
}

static int open_cpus(struct eu_buffer *b, const struct eu_map_info *info, int cpus) {
    int err = 0;
    for (int cpu = 0; cpu < cpus && !err; cpu++)
        err = open_cpu(b, info, cpu);
    return err;
}

int eu_perf_open(struct eu_buffer *b, const struct eu_map_info *info, int pages) {
    int cpus = eu_possible_cpus(), err;
    if (!pages)
        pages = b->object->perf_pages[b->map];
    int chosen = pages;
    if (!pages)
        pages = DEFAULT_PAGES;
    if (pages < 0 || pages & (pages - 1))
        return eu_fail(EINVAL, "open perf buffer %s: %d pages, expected a power of two", info->name, pages);
    if (cpus < 0)
        return cpus;
    if ((uint32_t)cpus > info->max_entries)
        cpus = (int)info->max_entries;
    b->size = b->page_size * (size_t)pages;
    b->cpus = calloc(cpus + 1, sizeof(*b->cpus));
    b->wrapped = malloc(65536);                  /* a record's size has 16 bits */
    b->fd = fcntl(info->fd, F_DUPFD_CLOEXEC, 3); /* elements stay until the file is closed, also when the object is */
    if (b->fd < 0)
        return eu_fail(errno, "open perf buffer %s: %s", info->name, eu_strerror(errno));
    if (!b->cpus || !b->wrapped)
        return eu_fail(ENOMEM, "open perf buffer %s: out of memory", info->name);
    /* EPERM: /proc/sys/kernel/perf_event_mlock_kb and RLIMIT_MEMLOCK allow no more */
    while ((err = open_cpus(b, info, cpus)) && !chosen && (err == -EPERM || err == -ENOMEM) && b->size > b->page_size) {
        close_cpus(b);
        b->size /= 2;
    }
    return err;
}

void eu_perf_close(struct eu_buffer *b) {
    close_cpus(b); /* the map's elements stay: they may be a later reader's by now */
    if (b->fd >= 0)
        close(b->fd);
    free(b->cpus);
    free(b->wrapped);
}

static int open_quiet(struct eu_buffer *b, struct perf_cpu *c) {
    int fd = open_event(b, c->cpu, 0);
    if (fd >= 0 && (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, c->fd) || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))) {
        close(fd);
        fd = -1;
    }
    c->quiet_fd = fd;
    return fd;
}

int eu_buffer_quiet(struct eu_buffer *b, int on) {
    if (b->is_quiet == on)
        return 0;
    b->is_quiet = on;
    for (int i = 0; i < b->nr_cpus; i++) {
        struct perf_cpu *c = &b->cpus[i];
        uint32_t key = (uint32_t)c->cpu;
        int fd = !on ? c->fd : c->quiet_fd >= 0 ? c->quiet_fd : open_quiet(b, c);
        if (fd >= 0)
            bpf_map_update_elem(b->fd, &key, &fd, 0);
    }
    return b->nr_cpus;
}

enum eu_state eu_perf_state(const struct eu_buffer *b) {
    for (int i = 0; i < b->nr_cpus; i++)
        if (__atomic_load_n(&b->cpus[i].page->data_head, __ATOMIC_ACQUIRE) != b->cpus[i].page->data_tail)
            return EU_READY;
    return EU_EMPTY;
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

size_t eu_perf_consume(struct eu_buffer *b, size_t limit, eu_take take, void *context) {
    size_t done = 0;
    int stop = 0;
    for (int i = 0; i < b->nr_cpus && !stop && done < limit; i++) {
        struct perf_cpu *c = &b->cpus[(b->next_cpu + i) % b->nr_cpus]; /* no CPU always first */
        done += consume_cpu(b, c, limit - done, take, context, &stop);
    }
    if (b->nr_cpus)
        b->next_cpu = (b->next_cpu + 1) % b->nr_cpus;
    return done;
}

static uint64_t lost_of(int fd) {
    uint64_t counted[2];
    return fd >= 0 && read(fd, counted, sizeof(counted)) == sizeof(counted) ? counted[1] : 0;
}

/* The kernel writes how many it lost into the buffer once the next record fits: its counter knows the last ones too (6.0+). */
void eu_buffer_count_lost(struct eu_buffer *b) {
    uint64_t sum = 0;
    for (int i = 0; i < b->nr_cpus && b->counts_lost; i++)
        sum += lost_of(b->cpus[i].fd) + lost_of(b->cpus[i].quiet_fd);
    if (sum > b->lost_counted)
        __atomic_store_n(&b->lost_counted, sum, __ATOMIC_RELAXED); /* others may ask too */
}
