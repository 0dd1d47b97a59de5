/* Buffers of a guest without callbacks: many records in one call, and waiting for several buffers. */
#define _GNU_SOURCE
#include "guest_poll.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 8, MOST = 1 << 30, MAX_BUFFERS = 1024 };

struct filling {
    struct eu_guest_fd *fd;
    uint8_t *out;
    size_t room, used;
};

/* As many records as have room; the first is cut where it has none. A ring's that nobody else looks at are copied as they lie there. */
static void fill(struct eu_guest *guest, struct filling *f) {
    struct eu_buffer *buffer = f->fd->buffer;
    _Static_assert(HEAD == BPF_RINGBUF_HDR_SZ, "a record takes as much room in a batch as in its ring");
    if (!guest->options->on_record && (f->used = eu_buffer_copy(buffer, f->out, f->room))) {
        eu_buffer_publish(buffer);
        return;
    }
    size_t size, step = eu_buffer_size(buffer) / 4, unpublished = 0;
    const uint8_t *record;
    while (f->room - f->used > HEAD && eu_buffer_peek(buffer, &record, &size)) {
        size_t left = f->room - f->used - HEAD, given = size < left ? size : left;
        if (given < size && f->used)
            break;
        eu_guest_show(guest, f->fd, record, size, given);
        const uint32_t head[2] = {(uint32_t)given, (uint32_t)size};
        memcpy(f->out + f->used, head, HEAD);
        memcpy(f->out + f->used + HEAD, record, given);
        eu_buffer_take(buffer);
        size_t end = (f->used + HEAD + given + 7) & ~(size_t)7;
        if (end > f->room)
            end = f->room;
        f->used = end;
        if ((unpublished += size + HEAD) >= step) { /* room for the writers */
            eu_buffer_publish(buffer);
            unpublished = 0;
        }
    }
    eu_buffer_publish(buffer);
}

EU_GUEST_CALL(eu_call_poll_batch) {
    struct filling f = {.room = slots[2].u32};
    int which = 0, stop = EU_GO;
    uint32_t at = slots[1].u32;
    if (!(f.fd = eu_guest_buffer(guest, slots[0].i32, &which)))
        return eu_answer(slots, which);
    if (f.room <= HEAD)
        return eu_answer(slots, eu_guest_failed(guest, EINVAL, "poll: %zu bytes hold no record and its sizes", f.room));
    if (f.room > MOST)
        f.room = MOST;
    const struct eu_waiting waiting = {.fds = &f.fd, .count = 1, .until = eu_guest_until(slots[3].i32)};
    do {
        if (!(f.out = eu_guest_span(guest, at, f.room, "poll: data")))
            return eu_answer(slots, -EFAULT);
        fill(guest, &f);
    } while (!f.used && !(stop = eu_guest_wait_ready(guest, &waiting, &which)) && which >= 0);
    if (f.used)
        guest->engine->refuel(guest->instance);
    slots[0].i64 = f.used ? (int64_t)f.used : which < 0 && which != -EAGAIN ? which : 0;
    return stop;
}

static int wait_for(struct eu_guest *guest, struct eu_guest_fd **fds, const uint8_t *numbers, int count, int64_t until, int *which) {
    struct eu_waiting waiting = {.fds = fds, .count = count, .until = until};
    for (int i = 0; i < count; i++) {
        int32_t number;
        memcpy(&number, numbers + 4 * i, 4);
        if (!(fds[i] = eu_guest_buffer(guest, number, which)))
            return EU_GO;
    }
    waiting.first = (int)(guest->objects->next_ready % (uint32_t)count);
    int stop = eu_guest_wait_ready(guest, &waiting, which);
    guest->objects->next_ready = *which >= 0 ? (uint32_t)*which + 1 : guest->objects->next_ready;
    return stop;
}

EU_GUEST_CALL(eu_call_wait) {
    int32_t count = slots[1].i32;
    int which = -ENOMEM;
    if (count <= 0 || count > MAX_BUFFERS)
        return eu_answer(slots, eu_guest_failed(guest, EINVAL, "wait for %d buffers: from 1 to %d", count, MAX_BUFFERS));
    const uint8_t *numbers = eu_guest_span(guest, slots[0].u32, 4 * (uint64_t)count, "buffers to wait for");
    if (!numbers)
        return eu_answer(slots, -EFAULT);
    struct eu_guest_fd **fds = calloc((size_t)count, sizeof(struct eu_guest_fd *));
    int stop = fds ? wait_for(guest, fds, numbers, count, eu_guest_until(slots[2].i32), &which) : EU_GO;
    free(fds);
    slots[0].i64 = which;
    return stop;
}

EU_GUEST_CALL(eu_call_lost) {
    struct eu_guest_fd *fd = eu_guest_map(guest, slots[0].i32);
    if (!fd)
        return eu_answer(slots, -EBADF);
    if (fd->type != BPF_MAP_TYPE_RINGBUF && fd->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
        return eu_answer(slots, eu_guest_failed(guest, EINVAL, "records lost: map type %u is neither ring nor perf buffer", fd->type));
    if (!fd->buffer)
        return eu_answer(slots, 0);
    fd->asked_lost = 1;
    return eu_answer(slots, (int64_t)eu_guest_lost_by(fd));
}
