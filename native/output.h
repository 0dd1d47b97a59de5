/* Where lines go: a pipe, a socket or a terminal that may be slower than the events, or a file that may be rotated.
 * What cannot be written at once stays in the buffer that it was rendered into. */
#ifndef EUNOMIA_OUTPUT_H
#define EUNOMIA_OUTPUT_H
#include "eunomia.h"
#include "out.h"

enum eu_sink {
    EU_SINK_DIRECT, /* a regular file, or a device that never lets its writer wait for a reader */
    EU_SINK_PIPE,
    EU_SINK_TERMINAL,
    EU_SINK_SOCKET,
    EU_SINK_CALL,   /* a function of an embedding program */
    EU_SINK_SHARED, /* a pipe or a terminal that may not be opened once more: asked before each write */
};
enum eu_wait { EU_WAIT_TIMEOUT, EU_WAIT_READY, EU_WAIT_STOPPED };

/* `count` events of a source end at this place of the buffer. */
struct eu_mark {
    uint32_t end;
    uint16_t source, count;
};

struct eu_output {
    enum eu_sink sink;
    void (*deliver)(void *context, const char *event, size_t size);
    void *context;
    int given, fd; /* the caller's descriptor; that or its file opened once more, for ourselves and without blocking */
    int whole;     /* lines, that are to be written whole */
    size_t pipe_size;
    size_t done; /* bytes at the start of the buffer that are written */
    struct eu_mark *marks;
    size_t nr_marks, room_marks, first_mark; /* those before it are told */
    const char *path;                        /* of a file of ours, else NULL */
    uint64_t file_size, rotate_size;
    int keep, has_events; /* has_events: of the present file */
};

typedef void (*eu_tell_mark)(void *context, int source, unsigned count);

int eu_output_open(struct eu_output *output, const struct eu_run_options *options);
/* The caller's descriptor stays open. */
void eu_output_close(struct eu_output *output);
/* Write what the sink takes now. 0: all is written and the buffer empty; 1: the rest waits; -errno: it failed. */
int eu_output_write(struct eu_output *output, struct eu_out *out);
/* Wait until the sink takes more, or one of two other descriptors (-1: none) is readable. */
int eu_output_wait(const struct eu_output *output, int stop, int signals, int timeout_ms);
/* Tell of the events that were written since the last time; all were where the buffer is empty, which nobody tells. */
void eu_output_written(struct eu_output *output, eu_tell_mark written, void *context);
/* Forget what waits, telling of the events that were written, and of those that were not, or not whole. */
void eu_output_drop(struct eu_output *output, struct eu_out *out, eu_tell_mark written, eu_tell_mark lost, void *context);
/* After a failed write: cut a file back to its last whole line. Before eu_output_drop. */
void eu_output_mend(struct eu_output *output, const struct eu_out *out);
/* Begin a new file: FILE becomes FILE.1, FILE.1 becomes FILE.2, ... 1: begun, 0: the present one has no events, -errno. */
int eu_output_rotate(struct eu_output *output);
int eu_output_grow(struct eu_output *output);

/* Events end where the buffer ends now. */
static inline void eu_output_mark(struct eu_output *output, const struct eu_out *out, int source, unsigned count) {
    if (__builtin_expect(output->nr_marks == output->room_marks, 0) && eu_output_grow(output))
        return;
    output->marks[output->nr_marks++] = (struct eu_mark){(uint32_t)out->used, (uint16_t)source, (uint16_t)count};
}

static inline size_t eu_output_pending(const struct eu_output *output, const struct eu_out *out) {
    return out->used - output->done;
}
#endif
