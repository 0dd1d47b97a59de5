#define _GNU_SOURCE
#include "output.h"
#include "error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPACT = 256 << 10 };

/* Open a pipe or a terminal once more: O_NONBLOCK on the given descriptor would hold for the shell that it is shared with. */
static int open_again(int fd) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int eu_output_open(struct eu_output *output, const struct eu_run_options *options) {
    struct stat status;
    int flags = fcntl(options->out_fd, F_GETFL);
    *output = (struct eu_output){.fd = options->out_fd, .given = options->out_fd};
    output->whole = options->format.format != 2; /* raw bytes have no lines */
    output->path = options->path;
    output->rotate_size = options->rotate_size;
    output->keep = options->rotate_keep;
    if (options->deliver) {
        output->sink = EU_SINK_CALL;
        output->deliver = options->deliver;
        output->context = options->context;
        output->fd = output->given = -1;
        return 0;
    }
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || fstat(options->out_fd, &status))
        return 0; /* the first write says what is wrong */
    if (S_ISSOCK(status.st_mode)) {
        output->sink = EU_SINK_SOCKET;
        return 0;
    }
    if (!S_ISFIFO(status.st_mode) && !isatty(options->out_fd))
        return 0;
    output->sink = S_ISFIFO(status.st_mode) ? EU_SINK_PIPE : EU_SINK_TERMINAL;
    if (!(flags & O_NONBLOCK)) {
        int again = open_again(options->out_fd);
        if (again >= 0)
            output->fd = again;
        else
            output->sink = EU_SINK_SHARED;
    }
    int room = S_ISFIFO(status.st_mode) ? fcntl(output->fd, F_GETPIPE_SZ) : 0;
    output->pipe_size = room > PIPE_BUF ? (size_t)room : PIPE_BUF;
    return 0;
}

void eu_output_close(struct eu_output *output) {
    if (output->fd >= 0 && output->fd != output->given)
        close(output->fd);
    output->fd = output->given;
    free(output->marks);
    output->marks = NULL;
    output->nr_marks = output->room_marks = 0;
}

int eu_output_grow(struct eu_output *output) {
    size_t wanted = output->room_marks ? 2 * output->room_marks : 4096;
    struct eu_mark *larger = realloc(output->marks, wanted * sizeof(*larger));
    if (!larger)
        return -ENOMEM;
    output->marks = larger;
    output->room_marks = wanted;
    return 0;
}

/* How much to write next. A pipe gets whole lines: all that fits into an empty one, else what goes in whole or not at all. */
static size_t piece(const struct eu_output *output, const char *data, size_t size) {
    int waiting = 0;
    size_t most = size;
    if (output->sink == EU_SINK_SHARED)
        most = PIPE_BUF;
    else if (output->sink == EU_SINK_PIPE)
        most = ioctl(output->fd, FIONREAD, &waiting) || waiting ? PIPE_BUF : output->pipe_size;
    if (size <= most)
        return size;
    const char *end = output->whole ? memrchr(data, '\n', most) : NULL;
    return end ? (size_t)(end - data) + 1 : most;
}

static ssize_t put(const struct eu_output *output, const char *data, size_t size) {
    struct pollfd ready = {.fd = output->fd, .events = POLLOUT};
    if (output->sink == EU_SINK_SOCKET)
        return send(output->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (output->sink == EU_SINK_SHARED && poll(&ready, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(output->fd, data, size);
}

/* Let the buffer begin with what waits, once that is no longer much to move. */
static void compact(struct eu_output *output, struct eu_out *out) {
    size_t left = output->nr_marks - output->first_mark;
    if (output->done < COMPACT || output->done < eu_output_pending(output, out))
        return;
    for (size_t i = 0; i < left; i++) {
        output->marks[i] = output->marks[output->first_mark + i];
        output->marks[i].end -= (uint32_t)output->done;
    }
    output->nr_marks = left;
    output->first_mark = 0;
    memmove(out->data, out->data + output->done, eu_output_pending(output, out));
    out->used -= output->done;
    output->done = 0;
}

static void forget(struct eu_output *output, struct eu_out *out) {
    output->done = output->nr_marks = output->first_mark = out->used = 0;
}

/* Hand out what is rendered, event by event; what is between them belongs to the next. */
static int hand_out(struct eu_output *output, struct eu_out *out) {
    size_t from = 0;
    for (size_t i = output->first_mark; i < output->nr_marks; i++) {
        size_t end = output->marks[i].end;
        if (end > from)
            output->deliver(output->context, out->data + from, end - from);
        from = end;
    }
    if (out->used > from)
        output->deliver(output->context, out->data + from, out->used - from);
    forget(output, out);
    return 0;
}

int eu_output_write(struct eu_output *output, struct eu_out *out) {
    if (output->sink == EU_SINK_CALL)
        return hand_out(output, out);
    compact(output, out);
    while (output->done < out->used) {
        const char *data = out->data + output->done;
        ssize_t n = put(output, data, piece(output, data, eu_output_pending(output, out)));
        if (n > 0) {
            output->done += (size_t)n;
            output->file_size += (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || (errno == EINTR && output->sink != EU_SINK_DIRECT))) {
            return 1;
        } else if (n == 0 || errno != EINTR) {
            return n ? -errno : -EIO;
        }
    }
    output->has_events |= output->nr_marks > 0;
    forget(output, out);
    return 0;
}

int eu_output_wait(const struct eu_output *output, int stop, int signals, int timeout_ms) {
    struct pollfd wait[3] = {
        {.fd = output->fd, .events = POLLOUT},
        {.fd = stop, .events = POLLIN},
        {.fd = signals, .events = POLLIN},
    };
    int n = poll(wait, 3, timeout_ms);
    return n < 0 ? EU_WAIT_STOPPED : !n ? EU_WAIT_TIMEOUT : wait[1].revents || wait[2].revents ? EU_WAIT_STOPPED : EU_WAIT_READY;
}

void eu_output_written(struct eu_output *output, eu_tell_mark written, void *context) {
    for (; output->first_mark < output->nr_marks; output->first_mark++) {
        const struct eu_mark *mark = &output->marks[output->first_mark];
        if (mark->end > output->done)
            break;
        written(context, mark->source, mark->count);
    }
}

void eu_output_drop(struct eu_output *output, struct eu_out *out, eu_tell_mark written, eu_tell_mark lost, void *context) {
    eu_output_written(output, written, context);
    for (size_t i = output->first_mark; i < output->nr_marks; i++)
        lost(context, output->marks[i].source, output->marks[i].count);
    forget(output, out);
}

void eu_output_mend(struct eu_output *output, const struct eu_out *out) {
    struct stat status;
    const char *end = output->done ? memrchr(out->data, '\n', output->done) : NULL;
    off_t torn = (off_t)(output->done - (end ? (size_t)(end - out->data) + 1 : 0)), at = lseek(output->fd, 0, SEEK_CUR);
    if (!output->whole || !torn || fstat(output->fd, &status) || !S_ISREG(status.st_mode) || at != status.st_size || at < torn)
        return; /* at its end: nobody else has written there */
    if (ftruncate(output->fd, at - torn) == 0 && lseek(output->fd, at - torn, SEEK_SET) >= 0)
        output->file_size -= (uint64_t)torn;
}
