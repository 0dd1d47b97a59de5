#define _GNU_SOURCE
#include "trace_pipe.h"
#include "error.h"
#include "text.h"
#include "value.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The kernel's whole tracing can be switched off, by hand or by the kernel in trouble: bpf_printk writes nothing then. */
static int is_off(int root) {
    char state = '1';
    int fd = openat(root, "tracing_on", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    int is_read = read(fd, &state, 1) == 1;
    close(fd);
    return is_read && state == '0';
}

int eu_trace_pipe_open(void) {
    int root = eu_tracefs();
    if (root < 0)
        return root;
    if (is_off(root))
        return eu_fail(ENODATA, "trace_pipe: tracing is switched off, bpf_printk writes nothing "
                                "[echo 1 > /sys/kernel/tracing/tracing_on]");
    int fd = openat(root, "trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return eu_fail(errno, "open trace_pipe: %s", eu_strerror(errno));
    char old[4096]; /* lines from before this run stay in the kernel until somebody reads them */
    for (int i = 0; i < 4096 && read(fd, old, sizeof(old)) > 0; i++)
        ;
    return fd;
}

static void put_line(struct eu_out *out, const struct eu_format *format, const char *line, size_t size) {
    size_t hidden = 0;
    if (format->format == 1 && !format->compat) {
        eu_out_text(out, "{\"$eunomia\":{\"printk\":");
        eu_quoted(out, line, size);
        eu_out_text(out, "}}\n");
        return;
    }
    char *w = eu_out_room(out, size * EU_TEXT_GROWTH + EU_STRING_SLACK);
    if (!w)
        return;
    out->used = eu_text_string(w, (const uint8_t *)line, size, &hidden) - out->data;
    eu_out_char(out, '\n');
}

long eu_trace_pipe_read(int fd, struct eu_out *rest, struct eu_out *out, const struct eu_format *format) {
    long lines = 0;
    for (int round = 0; round < 16; round++) {
        char *w = eu_out_room(rest, 8192);
        ssize_t got = w ? read(fd, w, 8192) : -1;
        if (got <= 0)
            return got < 0 && errno != EAGAIN && errno != EINTR ? eu_fail(errno, "read trace_pipe: %s", eu_strerror(errno)) : lines;
        rest->used += (size_t)got;
        size_t start = 0;
        for (char *end; (end = memchr(rest->data + start, '\n', rest->used - start)); lines++) {
            if (end > rest->data + start) /* a format that ends in a newline leaves an empty line */
                put_line(out, format, rest->data + start, (size_t)(end - rest->data) - start);
            start = (size_t)(end - rest->data) + 1;
        }
        memmove(rest->data, rest->data + start, rest->used - start);
        rest->used -= start;
    }
    return lines;
}
