/* From the buffer of a run to its output: what waits for a slow reader, what is given up, when a file is rotated. */
#define _GNU_SOURCE
#include "chain.h"
#include "error.h"
#include "run_parts.h"
#include "signals.h"
#include <errno.h>
#include <sys/epoll.h>

enum { GIVE_UP_MS = 1000 };
static const size_t QUEUE = 64 << 20;

struct losing {
    struct eu_run *run;
    int cause; /* EU_CAUSES: nobody wants them any more */
};

static void lose(void *context, int source, unsigned count) {
    const struct losing *losing = context;
    struct source *s = &losing->run->sources[source];
    s->queued -= count;
    *(losing->cause == EU_CAUSES ? &s->account.filtered : &s->account.lost[losing->cause]) += count;
}

static void deliver(void *context, int source, unsigned count) {
    const struct losing *losing = context;
    losing->run->sources[source].queued -= count;
    losing->run->sources[source].account.delivered += count;
}

/* Count what was written: an event is delivered once its last byte is out of our hands. */
static void count_written(struct eu_run *run, int waits) {
    struct losing none = {run, 0};
    if (waits) {
        eu_output_written(&run->output, deliver, &none);
        return;
    }
    for (int i = 0; i < run->nr_sources; i++) {
        run->sources[i].account.delivered += run->sources[i].queued;
        run->sources[i].queued = 0;
    }
}

/* What waits and what comes is lost by this cause. */
static void refuse(struct eu_run *run, int cause) {
    struct losing losing = {run, cause};
    eu_output_drop(&run->output, &run->out, deliver, lose, &losing);
    for (int i = 0; i < run->nr_sources; i++) /* whose marks found no memory */
        lose(&losing, i, (unsigned)run->sources[i].queued);
    run->refuse = cause;
    run->is_over = 1;
}

void eu_run_closed(struct eu_run *run) {
    eu_run_ends(run, CLOSED);
    if (!run->is_over)
        refuse(run, EU_CAUSES);
}

static void sink_failed(struct eu_run *run, int err) {
    const char *path = run->output.path;
    if (err == EPIPE) {
        eu_run_closed(run);
        return;
    }
    eu_run_ends(run, eu_fail(err, "write %s: %s", path ? path : "output", eu_strerror(err)));
    eu_output_mend(&run->output, &run->out);
    refuse(run, EU_SINK_FAILED);
}

static void rotate(struct eu_run *run) {
    int err = run->is_over ? 0 : eu_output_rotate(&run->output);
    run->is_timed = run->is_full = 0;
    if (err < 0) {
        eu_run_ends(run, err);
        refuse(run, EU_SINK_FAILED);
    }
}

/* What is rendered from now on is for a new file, which has headers of its own. */
static void forget_headers(struct eu_run *run) {
    if (run->aggregate)
        eu_aggregate_forget_header(run->aggregate);
    for (int i = 0; i < run->nr_sources; i++)
        if (run->sources[i].sample)
            eu_sample_forget_header(run->sources[i].sample);
    for (int i = 0; i < run->nr_sources; i++)
        for (int t = 0; run->sources[i].headed && t < eu_view_types(run->sources[i].view); t++)
            run->sources[i].headed[t] = 0;
}

void eu_run_rotate(struct eu_run *run) {
    eu_run_flush(run);
    if (!run->output.has_events || run->waits)
        return;
    rotate(run);
    forget_headers(run);
    eu_pipeline_headers(run);
}

/* A file of events grows older from its first event on: a quiet run does not wake up for it. */
static void time_file(struct eu_run *run) {
    if (run->rotation >= 0 && run->output.has_events && !run->is_timed) {
        run->is_timed = 1;
        if (eu_run_arm(run->rotation, run->options.rotate_after, 0))
            eu_run_ends(run, -eu_errno());
    }
}

/* How far the buffer may grow before the next write, and whether it is full. */
static void limit(struct eu_run *run, int waits) {
    const struct eu_output *output = &run->output;
    size_t queue = run->options.queue ? run->options.queue : QUEUE, pending = eu_output_pending(output, &run->out);
    size_t next = run->out.used + OUT_HIGH, full = output->done + queue;
    size_t left = output->rotate_size > output->file_size ? output->rotate_size - output->file_size : output->rotate_size;
    if (waits != run->waits) {
        struct epoll_event event = {.events = waits ? EPOLLOUT : 0, .data.u64 = OUTPUT_FD};
        epoll_ctl(run->epoll, EPOLL_CTL_MOD, output->fd, &event);
        run->waits = waits;
    }
    run->flush_at = next < full ? next : full;
    if (output->rotate_size && run->flush_at > run->out.used + left)
        run->flush_at = run->out.used + left;
    if (waits && pending >= queue)
        run->refuse = EU_QUEUE_FULL;
    else if (run->refuse >= 0 && pending <= queue / 2) { /* half: one gap, not one after each line that goes out */
        run->refuse = -1;
        run->stream_due = 0; /* where they happened */
        eu_run_tell(run);
    }
}

/* Write what the output takes now; 1: the rest waits. */
static int flush_some(struct eu_run *run) {
    struct eu_output *output = &run->output;
    if (run->out.failed)
        eu_run_ends(run, eu_fail(ENOMEM, "render: out of memory"));
    if (run->is_over) {
        refuse(run, run->refuse);
        return 0;
    }
    if (run->is_full && run->out.used) {
        rotate(run);
        if (run->is_over)
            return 0;
    }
    int waits = eu_output_write(output, &run->out);
    if (waits < 0) {
        sink_failed(run, -waits);
        return 0;
    }
    count_written(run, waits);
    if (!run->is_full && output->rotate_size && output->file_size >= output->rotate_size && output->has_events) {
        run->is_full = 1; /* there will be a new file once there is something to be written into it */
        forget_headers(run);
    }
    time_file(run);
    limit(run, waits);
    if (!run->out.used && run->out.room > 4 * OUT_HIGH) /* one huge record should not be remembered for ever */
        eu_out_free(&run->out);
    return waits;
}

/* Wait until the output takes more; 0: the run was stopped, and its reader still does not read a second later. */
static int wait_for_reader(struct eu_run *run) {
    if (eu_signals_count() > 1)
        return 0;
    switch (eu_output_wait(&run->output, run->late ? -1 : run->stop, run->late ? -1 : run->signals, run->late ? GIVE_UP_MS : -1)) {
    case EU_WAIT_TIMEOUT:
        return 0;
    case EU_WAIT_STOPPED:
        run->late = 1;
    }
    return 1;
}

void eu_run_flush(struct eu_run *run) {
    if (run->chain)
        eu_chain_flush(run->chain);
    while (flush_some(run) && run->is_ending)
        if (!wait_for_reader(run))
            refuse(run, EU_QUEUE_FULL);
}
