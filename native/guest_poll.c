/* Ring and perf buffers of a guest: records are copied out of the memory shared with the kernel into the guest's, and its function is
 * called.
 *
 * A record counts as read before the guest hears of it. So a callback may read the same buffer, close its object, or end the guest,
 * and no record comes twice. One call delivers what a buffer can hold at most: the guest gets control back whatever the rate. */
#define _GNU_SOURCE
#include "guest_poll.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAP_NS = 50000, LONGEST_NAP_NS = 2000000 };

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The guest's error, to the operator too: an old guest says nothing, and asks again and again. */
static void tell_once(struct eu_guest *guest, struct eu_guest_fd *fd) {
    if (!fd->told_failed++)
        eu_guest_tell(guest, "poll", eu_guest_last_error(guest));
}

struct eu_guest_fd *eu_guest_buffer(struct eu_guest *guest, int32_t number, int *err) {
    struct eu_guest_fd *fd = eu_guest_map(guest, number);
    *err = fd ? 0 : -EBADF;
    if (!fd || fd->buffer)
        return fd;
    fd->buffer = eu_buffer_open(fd->owner->object, fd->index, 0);
    if (fd->buffer)
        return fd;
    *err = eu_guest_failed_as(guest, -eu_errno());
    tell_once(guest, fd);
    return NULL;
}

/* Records that were discarded are passed over, and given back before anybody sleeps: a ring wakes for a record that its reader had caught
 * up with. */
static int find_ready(const struct eu_waiting *w) {
    const uint8_t *record;
    size_t size;
    for (int i = 0; i < w->count; i++) {
        int place = (w->first + i) % w->count;
        if (eu_buffer_peek(w->fds[place]->buffer, &record, &size))
            return place;
        eu_buffer_publish(w->fds[place]->buffer);
    }
    return -EAGAIN;
}

int eu_guest_wait_ready(struct eu_guest *guest, const struct eu_waiting *w, int *which) {
    int nr = 0, used = 0, result = 0, stop = EU_GO;
    int64_t nap = 0;
    for (int i = 0; i < w->count; i++)
        nr += eu_buffer_nr_fds(w->fds[i]->buffer);
    struct pollfd *fds = calloc((size_t)nr + 1, sizeof(*fds));
    for (int i = 0; fds && i < w->count; i++)
        used += eu_buffer_pollfds(w->fds[i]->buffer, fds + used, nr - used);
    *which = fds ? find_ready(w) : -ENOMEM;
    while (*which == -EAGAIN) {
        int64_t left = w->until < 0 ? -1 : w->until - now();
        if (left < 0 && w->until >= 0)
            left = 0;
        /* A record that is reserved and not finished makes a ring readable, and a CPU that went offline its buffer: sleep a little. */
        int naps = result > 0;
        if (naps)
            nap = nap ? (nap * 2 < LONGEST_NAP_NS ? nap * 2 : LONGEST_NAP_NS) : NAP_NS;
        stop = eu_guest_wait(guest, fds, naps ? 0 : used, naps && (left < 0 || nap < left) ? nap : left, &result);
        if (stop)
            break;
        *which = result == -EINTR ? -EINTR : find_ready(w);
        if (*which != -EAGAIN || (w->until >= 0 && now() >= w->until))
            break;
    }
    free(fds);
    return stop;
}

int64_t eu_guest_until(int32_t timeout_ms) {
    return timeout_ms < 0 ? -1 : now() + (int64_t)timeout_ms * 1000000;
}

/* What a read needs to know of where its records go. */
struct delivery {
    struct eu_guest_fd *fd;
    struct eu_callee callee;
    uint32_t context, data, room;
    int deaf;       /* whatever the callback answers: what a Go function returns means nothing */
    int count;      /* delivered */
    int32_t answer; /* of the callback, negative: it wants no more */
};

/* The kernel pads a perf record, with the 4 bytes of its size, to a multiple of 8: up to 7 bytes at its end may be nobody's. */
static int is_padding(const struct eu_guest_fd *fd, size_t size, size_t room) {
    return !eu_buffer_is_ring(fd->buffer) && size % 8 == 4 && size - room <= 7;
}

static void tell_cut(struct eu_guest *guest, struct eu_guest_fd *fd, size_t size, size_t room) {
    if (is_padding(fd, size, room) || fd->told_cut++)
        return;
    eu_guest_note(guest, "map %s: a record of %zu bytes is cut to the %zu that the guest has room for",
                  bpf_map__name(fd->owner->object->maps[fd->index]), size, room);
}

void eu_guest_show(struct eu_guest *guest, struct eu_guest_fd *fd, const uint8_t *record, size_t size, size_t room) {
    const struct eu_guest_options *options = guest->options;
    if (options->on_record)
        options->on_record(options->context, fd->owner->handle, bpf_map__name(fd->owner->object->maps[fd->index]), record, size);
    if (size > room)
        tell_cut(guest, fd, size, room);
}

/* The records that are there, at most as many as the buffer can hold at a time. EU_GO or EU_STOP. */
static int deliver(struct eu_guest *guest, struct delivery *d) {
    struct eu_buffer *buffer = d->fd->buffer;
    size_t size, left = eu_buffer_size(buffer), step = left / 4, unpublished = 0;
    const uint8_t *record;
    int stop = EU_GO;
    while (left && !stop && d->answer >= 0 && !d->fd->owner->closed && eu_buffer_peek(buffer, &record, &size)) {
        uint32_t given = size < d->room ? (uint32_t)size : d->room;
        left = size + 8 < left ? left - size - 8 : 0;
        eu_guest_show(guest, d->fd, record, size, d->room);
        uint64_t memory_size; /* it never shrinks: the place was checked before */
        memcpy(guest->engine->memory(guest->instance, &memory_size) + d->data, record, given);
        eu_buffer_take(buffer);
        if ((unpublished += size + 8) >= step) {
            eu_buffer_publish(buffer);
            unpublished = 0;
        }
        union eu_slot slots[3] = {{.u32 = d->context}, {.u32 = d->data}, {.u32 = given}};
        stop = guest->engine->call(guest->instance, &d->callee, slots);
        d->answer = stop || d->deaf || !d->callee.nr_results ? 0 : slots[0].i32;
        d->count++;
    }
    eu_buffer_publish(buffer);
    return stop;
}

/* Deliver, or wait and deliver, until there was something to deliver. *result as the interface says. */
static int poll_buffer(struct eu_guest *guest, struct delivery *d, int32_t timeout_ms, int *result) {
    const struct eu_waiting w = {.fds = &d->fd, .count = 1, .until = eu_guest_until(timeout_ms)};
    int which = 0, stop = EU_GO;
    for (;;) {
        stop = deliver(guest, d);
        if (stop || d->count || d->fd->owner->closed)
            break;
        if ((stop = eu_guest_wait_ready(guest, &w, &which)) || which < 0)
            break;
    }
    if (d->count)
        guest->engine->refuel(guest->instance);
    *result = d->answer < 0 ? d->answer : d->count ? d->count : which < 0 && which != -EAGAIN ? which : 0;
    return stop;
}

/* The callback may have no result: it counts as 0. */
static int find_callback(struct eu_guest *guest, const char *export, uint32_t index, struct eu_callee *callee) {
    static const char *const types[] = {"iii:i", "iii:"};
    int err = -EINVAL;
    for (size_t i = 0; i < 2 && err == -EINVAL; i++)
        err = export ? guest->engine->exported(guest->instance, export, types[i], callee)
                     : guest->engine->in_table(guest->instance, index, types[i], callee);
    if (!err)
        return 0;
    if (export)
        return eu_guest_failed(guest, EINVAL, "poll: the guest exports no function %s (i32, i32, i32) -> i32 as its callback", export);
    return eu_guest_failed(guest, EINVAL,
                           "poll: callback %u is no function (i32, i32, i32) -> i32 of the guest's table [link it with "
                           "--export-table]",
                           index);
}

/* 0, or -errno with the guest's error: where the records go, and who gets them. */
static int has_place(struct eu_guest *guest, struct delivery *d, const char *export, uint32_t index) {
    if (d->room > INT32_MAX)
        return eu_guest_failed(guest, EINVAL, "poll: max_size %d is negative", (int32_t)d->room);
    if (!eu_guest_bytes(guest, d->data, d->room))
        return eu_guest_failed(
            guest, EFAULT, "poll map %s: data: %u bytes at %u are not all within the guest's memory [max_size is what data has room for]",
            bpf_map__name(d->fd->owner->object->maps[d->fd->index]), d->room, d->data);
    return find_callback(guest, export, index, &d->callee);
}

/* Parameters from `at` on: context, data, max_size, timeout. */
static int poll_with(struct eu_guest *guest, union eu_slot *slots, const char *export, uint32_t index, int at) {
    struct delivery d = {.context = slots[at].u32, .data = slots[at + 1].u32, .room = slots[at + 2].u32, .deaf = export != NULL};
    int32_t timeout = slots[at + 3].i32;
    struct eu_guest_object *owner = eu_guest_object(guest, slots[0].u64);
    int err = 0, result = 0;
    if (!owner)
        return eu_answer(slots, -EINVAL);
    if (!(d.fd = eu_guest_buffer(guest, slots[1].i32, &err)))
        return eu_answer(slots, err);
    if (d.fd->owner != owner)
        return eu_answer(slots, eu_guest_failed(guest, ENOENT, "poll: descriptor %d is a map of another object", slots[1].i32));
    if ((err = has_place(guest, &d, export, index))) {
        tell_once(guest, d.fd);
        return eu_answer(slots, err);
    }
    eu_guest_use(owner);
    int stop = poll_buffer(guest, &d, timeout, &result);
    eu_guest_leave(guest, owner);
    slots[0].i64 = result;
    return stop;
}

EU_GUEST_CALL(eu_call_poll) {
    return poll_with(guest, slots, NULL, slots[2].u32, 3);
}

EU_GUEST_CALL(eu_call_poll_export) {
    const char *export = guest->options->callback_export;
    return poll_with(guest, slots, export ? export : "go-callback", 0, 2);
}
