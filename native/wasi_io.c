/* Reading and writing. Nothing here waits in a system call: what is not ready is waited for by eu_guest_wait(), which pause,
 * termination, the deadline and signals interrupt. */
#include "wasi.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

/* A guest's list of buffers. */
struct buffers {
    struct iovec all[WASI_IOVECS];
    int count, first; /* those before `first` are done */
};

/* What is beyond WASI_IOVECS buffers or WASI_PART bytes is left for the guest's next call. */
static int buffers_of(struct eu_wasi *wasi, uint32_t at, uint32_t count, struct buffers *buffers) {
    const uint8_t *list = wasi_bytes(wasi, at, 8ull * count);
    size_t left = WASI_PART;
    buffers->count = buffers->first = 0;
    if (!list)
        return -EFAULT;
    for (uint32_t i = 0; i < count && i < WASI_IOVECS && left; i++) {
        uint32_t pair[2];
        memcpy(pair, list + 8ull * i, sizeof(pair));
        uint8_t *bytes = wasi_bytes(wasi, pair[0], pair[1]);
        if (!bytes)
            return -EFAULT;
        size_t len = pair[1] < left ? pair[1] : left;
        buffers->all[buffers->count++] = (struct iovec){bytes, len};
        left -= len;
    }
    return 0;
}

/* Step over `done` bytes; 1 when nothing is left. */
static int advance(struct buffers *buffers, size_t done) {
    for (; buffers->first < buffers->count; buffers->first++) {
        struct iovec *at = &buffers->all[buffers->first];
        if (done < at->iov_len) {
            at->iov_base = (char *)at->iov_base + done;
            at->iov_len -= done;
            return 0;
        }
        done -= at->iov_len;
    }
    return 1;
}

/* Wait until it is ready for `events`, unless the guest asked not to wait: 0, -EAGAIN, -EINTR, EU_WASI_STOP. */
static int ready(struct eu_wasi *wasi, const struct eu_wasi_file *file, short events) {
    struct pollfd fd = {.fd = file->fd, .events = events};
    int result = 0;
    if (file->flags & FLAG_NONBLOCK)
        return -EAGAIN;
    if (eu_guest_wait(wasi->guest, &fd, 1, -1, &result))
        return EU_WASI_STOP;
    return result < 0 ? result : 0;
}

/* Where RWF_NOWAIT is not known: what poll(2) says is ready takes one page of a pipe at once. */
static ssize_t move_checked(const struct eu_wasi_file *file, const struct iovec *from, int count, short events) {
    struct pollfd fd = {.fd = file->fd, .events = events};
    struct iovec some[16];
    size_t left = PIPE_BUF;
    int n = 0;
    if (poll(&fd, 1, 0) <= 0) {
        errno = EAGAIN;
        return -1;
    }
    for (; n < count && n < 16 && left; n++) {
        some[n] = from[n];
        if (some[n].iov_len > left)
            some[n].iov_len = left;
        left -= some[n].iov_len;
    }
    return events & POLLIN ? readv(file->fd, some, n) : writev(file->fd, some, n);
}

/* Read or write once, without waiting. */
static ssize_t move(struct eu_wasi_file *file, const struct buffers *buffers, short events) {
    const struct iovec *from = buffers->all + buffers->first;
    int count = buffers->count - buffers->first;
    if (!file->is_stream)
        return events & POLLIN ? readv(file->fd, from, count) : writev(file->fd, from, count);
    if (!file->is_plain) {
        ssize_t done = syscall(events & POLLIN ? SYS_preadv2 : SYS_pwritev2, file->fd, from, (long)count, -1L, 0L, RWF_NOWAIT);
        if (done >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
            return done;
        file->is_plain = 1;
    }
    return move_checked(file, from, count, events);
}

int eu_wasi_fd_read(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    struct buffers buffers;
    int err = eu_wasi_file(wasi, in[0].u32, RIGHT_READ, &file);
    if (!err)
        err = buffers_of(wasi, in[1].u32, in[2].u32, &buffers);
    if (!err && !wasi_bytes(wasi, in[3].u32, 4))
        err = -EFAULT;
    if (!err && file->is_stream && !file->is_stdio && !(file->flags & FLAG_NONBLOCK))
        err = ready(wasi, file, POLLIN); /* a named pipe that nobody opened for writing yet is not at its end */
    while (!err) {
        ssize_t done = move(file, &buffers, POLLIN);
        if (done >= 0)
            return wasi_put32(wasi, in[3].u32, done);
        err = errno == EINTR ? 0 : errno == EAGAIN ? ready(wasi, file, POLLIN) : -errno;
    }
    return err;
}

/* Standard output and error: closed is the end, as it is for every tool; too much is one, too. */
static int account(struct eu_wasi *wasi, struct buffers *buffers) {
    uint64_t most = wasi->guest->options->max_output, left = most - wasi->output;
    if (!most)
        return 0;
    for (int i = 0; i < buffers->count; i++) {
        if (buffers->all[i].iov_len > left) {
            buffers->all[i].iov_len = left;
            buffers->count = i + 1;
            return 1;
        }
        left -= buffers->all[i].iov_len;
    }
    return 0;
}

static int closed(struct eu_wasi *wasi) {
    wasi->guest->exit_code = 0;
    eu_guest_end(wasi->guest, EU_EXITED, "output closed");
    return EU_WASI_STOP;
}

/* Write all of it: callers of write(2) seldom expect less of a terminal or pipe. *done says how far it came. */
static int write_all(struct eu_wasi *wasi, struct eu_wasi_file *file, struct buffers *buffers, size_t *done) {
    int err = 0;
    while (!err && !advance(buffers, 0)) {
        ssize_t part = move(file, buffers, POLLOUT);
        if (part >= 0) {
            *done += part;
            advance(buffers, part);
            continue;
        }
        if (errno == EPIPE && file->is_stdio)
            return closed(wasi);
        err = errno == EINTR ? 0 : errno == EAGAIN ? ready(wasi, file, POLLOUT) : -errno;
    }
    return *done && err != EU_WASI_STOP ? 0 : err;
}

int eu_wasi_fd_write(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    struct buffers buffers;
    size_t done = 0;
    int err = eu_wasi_file(wasi, in[0].u32, RIGHT_WRITE, &file);
    if (!err)
        err = buffers_of(wasi, in[1].u32, in[2].u32, &buffers);
    if (!err && !wasi_bytes(wasi, in[3].u32, 4))
        err = -EFAULT;
    if (err)
        return err;
    int is_too_much = file->is_stdio && account(wasi, &buffers);
    err = write_all(wasi, file, &buffers, &done);
    if (file->is_stdio)
        wasi->output += done;
    if (is_too_much && err != EU_WASI_STOP) {
        eu_guest_end(wasi->guest, EU_FAILED, "wrote more than the %llu bytes of output that it may",
                     (unsigned long long)wasi->guest->options->max_output);
        return EU_WASI_STOP;
    }
    return err ? err : wasi_put32(wasi, in[3].u32, done);
}

/* pread and pwrite: in has the offset as fourth, the place of the result as fifth. */
static int move_at(struct eu_wasi *wasi, const union eu_slot *in, uint64_t right, ssize_t (*move)(int, const struct iovec *, int, off_t)) {
    struct eu_wasi_file *file;
    struct buffers buffers;
    int err = eu_wasi_file(wasi, in[0].u32, right, &file);
    if (!err && file->is_stdio)
        return -ESPIPE;
    if (!err)
        err = buffers_of(wasi, in[1].u32, in[2].u32, &buffers);
    if (!err && !wasi_bytes(wasi, in[4].u32, 4))
        err = -EFAULT;
    if (err)
        return err;
    ssize_t done = move(file->fd, buffers.all, buffers.count, in[3].i64);
    return done < 0 ? -errno : wasi_put32(wasi, in[4].u32, done);
}

int eu_wasi_fd_pread(struct eu_wasi *wasi, const union eu_slot *in) {
    return move_at(wasi, in, RIGHT_READ, preadv);
}

int eu_wasi_fd_pwrite(struct eu_wasi *wasi, const union eu_slot *in) {
    return move_at(wasi, in, RIGHT_WRITE, pwritev);
}

static int seek(struct eu_wasi *wasi, uint32_t fd, int64_t offset, int whence, uint64_t right, uint32_t out) {
    struct eu_wasi_file *file;
    int err = eu_wasi_file(wasi, fd, 0, &file);
    if (!err && file->is_stdio)
        return -ESPIPE;
    if (!err && !(file->base & right))
        err = -EU_ENOTCAPABLE;
    if (!err && !wasi_bytes(wasi, out, 8))
        err = -EFAULT;
    if (err)
        return err;
    off_t at = lseek(file->fd, offset, whence);
    return at < 0 ? -errno : wasi_put64(wasi, out, at);
}

static int seek_as(struct eu_wasi *wasi, const union eu_slot *in, const uint8_t whences[3]) {
    return in[2].u32 > 2 ? -EINVAL : seek(wasi, in[0].u32, in[1].i64, whences[in[2].u32], RIGHT_SEEK, in[3].u32);
}

int eu_wasi_fd_seek(struct eu_wasi *wasi, const union eu_slot *in) {
    return seek_as(wasi, in, (uint8_t[]){SEEK_SET, SEEK_CUR, SEEK_END});
}

int eu_wasi_old_fd_seek(struct eu_wasi *wasi, const union eu_slot *in) {
    return seek_as(wasi, in, (uint8_t[]){SEEK_CUR, SEEK_END, SEEK_SET});
}

int eu_wasi_fd_tell(struct eu_wasi *wasi, const union eu_slot *in) {
    return seek(wasi, in[0].u32, 0, SEEK_CUR, RIGHT_TELL | RIGHT_SEEK, in[1].u32);
}
