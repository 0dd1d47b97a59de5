/* poll_oneoff: sleep, poll and select of guests. */
#include "wasi.h"
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

enum { SUBSCRIPTIONS_MOST = 1024, EVENT_CLOCK = 0, EVENT_READ = 1, EVENT_WRITE = 2, ABSOLUTE = 1 };

struct subscription {
    uint64_t userdata;
    uint8_t type;
    uint8_t has_event;
    uint16_t err; /* errno of Linux, or EU_ENOTCAPABLE */
    uint32_t fd;
    int place;   /* in fds, -1: nothing to wait for */
    int64_t due; /* CLOCK_MONOTONIC, nanoseconds */
};

struct event {
    uint64_t userdata;
    uint16_t err;
    uint8_t type, pad[5];
    uint64_t bytes;
    uint16_t flags, more[3];
};
_Static_assert(sizeof(struct event) == 32, "event of WASI");

struct waiting {
    struct eu_wasi *wasi;
    int count, nr_fds;
    struct subscription all[SUBSCRIPTIONS_MOST];
    struct pollfd fds[SUBSCRIPTIONS_MOST];
};

static int64_t now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * 1000000000ll + at.tv_nsec;
}

/* When a clock's time is up; a wait is measured with the monotonic clock, as the kernel does it. */
static void set_clock(struct subscription *made, uint32_t clock, uint64_t timeout, uint16_t flags) {
    int64_t left = timeout > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)timeout;
    if (clock > 1) {
        made->err = EOPNOTSUPP; /* nobody can wait for CPU time that a waiting guest does not use */
        return;
    }
    if (flags & ABSOLUTE)
        left -= now(clock ? CLOCK_MONOTONIC : CLOCK_REALTIME);
    made->due = now(CLOCK_MONOTONIC) + (left > 0 ? left : 0);
}

static void set_fd(struct waiting *waiting, struct subscription *made) {
    struct eu_wasi_file *file;
    int err = eu_wasi_file(waiting->wasi, made->fd, made->type == EVENT_READ ? RIGHT_READ : RIGHT_WRITE, &file);
    if (err) {
        made->err = -err;
        return;
    }
    made->place = waiting->nr_fds++;
    waiting->fds[made->place] = (struct pollfd){.fd = file->fd, .events = made->type == EVENT_READ ? POLLIN : POLLOUT};
}

/* A subscription of 48 bytes: u64 userdata, u8 type at 8, and at 16 {u32 clock, u64 timeout, u64 precision, u16 flags} or a
 * descriptor. That of wasi_unstable has 56: a name of the clock, u64, comes before it. */
static int take(struct waiting *waiting, const uint8_t *from, int is_old) {
    struct subscription *made = &waiting->all[waiting->count++];
    const uint8_t *clock = from + (is_old ? 24 : 16);
    uint32_t number;
    uint64_t timeout;
    uint16_t flags;
    *made = (struct subscription){.type = from[8], .place = -1, .due = INT64_MAX};
    memcpy(&made->userdata, from, 8);
    memcpy(&made->fd, from + 16, 4);
    memcpy(&number, clock, 4);
    memcpy(&timeout, clock + 8, 8);
    memcpy(&flags, clock + 24, 2);
    if (made->type > EVENT_WRITE)
        return -EINVAL;
    if (made->type == EVENT_CLOCK)
        set_clock(made, number, timeout, flags);
    else
        set_fd(waiting, made);
    return 0;
}

/* How long to wait at most, in nanoseconds; -1: until a descriptor is ready. */
static int64_t longest(const struct waiting *waiting) {
    int64_t due = INT64_MAX, at = now(CLOCK_MONOTONIC);
    for (int i = 0; i < waiting->count; i++) {
        if (waiting->all[i].err)
            return 0;
        if (waiting->all[i].due < due)
            due = waiting->all[i].due;
    }
    return due == INT64_MAX ? -1 : due > at ? due - at : 0;
}

static void fill(const struct waiting *waiting, const struct subscription *from, struct event *made) {
    short got = from->place >= 0 ? waiting->fds[from->place].revents : 0;
    int size = 0, err = from->err;
    if (!err && got & POLLNVAL)
        err = EBADF;
    if (!err && got & POLLERR)
        err = from->type == EVENT_WRITE ? EPIPE : EIO;
    *made = (struct event){.userdata = from->userdata, .err = eu_wasi_errno(err), .type = from->type};
    if (from->type == EVENT_CLOCK || err)
        return;
    if (from->type == EVENT_READ && !ioctl(waiting->fds[from->place].fd, FIONREAD, &size) && size > 0)
        made->bytes = size;
    else
        made->bytes = from->type == EVENT_WRITE ? 4096 : 0;
    made->flags = !!(got & POLLHUP);
}

static int happened(const struct waiting *waiting, const struct subscription *of, int64_t at) {
    return of->err || (of->place >= 0 ? waiting->fds[of->place].revents != 0 : of->due <= at);
}

/* The events of what happened, to the guest. */
static int put_events(struct waiting *waiting, const union eu_slot *in) {
    struct event event;
    uint32_t nr_events = 0;
    int64_t at = now(CLOCK_MONOTONIC);
    for (int i = 0; i < waiting->count; i++) {
        if (!happened(waiting, &waiting->all[i], at))
            continue;
        fill(waiting, &waiting->all[i], &event);
        int err = wasi_put(waiting->wasi, in[1].u32 + nr_events++ * (uint32_t)sizeof(event), &event, sizeof(event));
        if (err)
            return err;
    }
    return wasi_put32(waiting->wasi, in[3].u32, nr_events);
}

static int waits(struct waiting *waiting, const union eu_slot *in) {
    int64_t due;
    do {
        int result = 0;
        int64_t timeout = longest(waiting);
        due = timeout < 0 ? INT64_MAX : now(CLOCK_MONOTONIC) + timeout;
        if (eu_guest_wait(waiting->wasi->guest, waiting->fds, waiting->nr_fds, timeout, &result))
            return EU_WASI_STOP;
        if (result < 0)
            return result;
        if (result > 0)
            break;
    } while (now(CLOCK_MONOTONIC) < due); /* a little too early is not yet */
    return put_events(waiting, in);
}

/* in: subscriptions, place of the events, how many, place of their number. */
static int polls(struct eu_wasi *wasi, const union eu_slot *in, int is_old) {
    uint32_t count = in[2].u32, size = is_old ? 56 : 48;
    const uint8_t *from = wasi_bytes(wasi, in[0].u32, (uint64_t)count * size);
    if (!from || !wasi_bytes(wasi, in[1].u32, count * (uint64_t)sizeof(struct event)) || !wasi_bytes(wasi, in[3].u32, 4))
        return -EFAULT;
    if (!count || count > SUBSCRIPTIONS_MOST)
        return -EINVAL;
    struct waiting *waiting = malloc(sizeof(*waiting));
    if (!waiting)
        return -ENOMEM;
    waiting->wasi = wasi;
    waiting->count = waiting->nr_fds = 0;
    int err = 0;
    for (uint32_t i = 0; !err && i < count; i++)
        err = take(waiting, from + (size_t)i * size, is_old);
    if (!err)
        err = waits(waiting, in);
    free(waiting);
    return err;
}

int eu_wasi_poll_oneoff(struct eu_wasi *wasi, const union eu_slot *in) {
    return polls(wasi, in, 0);
}

int eu_wasi_old_poll_oneoff(struct eu_wasi *wasi, const union eu_slot *in) {
    return polls(wasi, in, 1);
}
