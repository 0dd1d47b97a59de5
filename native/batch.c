/* Records of one ring or perf buffer for Python, many at a time. */
#define _GNU_SOURCE
#include "error.h"
#include "out.h"
#include "reader.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct eu_reader {
    struct eu_buffer *buffer;
    int epoll_fd;
};

struct eu_reader *eu_reader_new(struct eu_object *object, int map, int perf_pages) {
    struct eu_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return eu_fail_null(ENOMEM, "open reader: out of memory");
    r->epoll_fd = -1;
    r->buffer = eu_buffer_open(object, map, perf_pages);
    if (r->buffer) {
        r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (r->epoll_fd < 0)
            eu_fail(errno, "open reader: %s", eu_strerror(errno));
        else if (!eu_buffer_watch(r->buffer, r->epoll_fd, 0))
            return r;
    }
    eu_reader_free(r);
    return NULL;
}

int eu_reader_fd(struct eu_reader *r) {
    return r->epoll_fd;
}

int eu_reader_wait(struct eu_reader *r, int timeout_ms) {
    struct epoll_event event;
    if (eu_buffer_ready(r->buffer))
        return 1;
    int n = epoll_wait(r->epoll_fd, &event, 1, timeout_ms);
    return n < 0 ? eu_fail(errno, "wait for records: %s", eu_strerror(errno)) : n > 0;
}

struct taking {
    uint8_t *at;
    size_t used, size;
    uint32_t *starts, *lengths;
    long count, max, needed;
};

static int copy_record(void *context, const uint8_t *record, size_t size) {
    struct taking *t = context;
    if (t->count == t->max || size > t->size - t->used) {
        t->needed = t->count ? 0 : (long)size;
        return 2;
    }
    memcpy(t->at + t->used, record, size);
    t->starts[t->count] = (uint32_t)t->used;
    t->lengths[t->count++] = (uint32_t)size;
    size_t next = (t->used + size + 7) & ~(size_t)7;
    t->used = next > t->size ? t->size : next;
    return 0;
}

long eu_reader_take(struct eu_reader *r, void *buffer, size_t size, uint32_t *starts, uint32_t *lengths, long max) {
    struct taking t = {.at = buffer, .size = size > UINT32_MAX ? UINT32_MAX : size, .starts = starts, .lengths = lengths, .max = max};
    eu_buffer_consume(r->buffer, SIZE_MAX / 2, copy_record, &t);
    if (t.needed)
        return eu_fail(ENOBUFS, "take records: one of %ld bytes, room for %zu", t.needed, size);
    return t.count;
}

uint64_t eu_reader_lost(struct eu_reader *r) {
    return eu_buffer_lost(r->buffer);
}

void eu_reader_free(struct eu_reader *r) {
    if (!r)
        return;
    eu_buffer_close(r->buffer);
    if (r->epoll_fd >= 0)
        close(r->epoll_fd);
    free(r);
}
