/* The loop of a run: all sources in one epoll, rendered into one buffer, one write(2) for what a round brought. */
#define _GNU_SOURCE
#include "error.h"
#include "run_parts.h"
#include "signals.h"
#include "trace_pipe.h"
#include <errno.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NAP_NS = 500000, MANY = 64 };
enum busy { IDLE, SOME, RELAXED /* many records, buffers far from full */, FULL };

int eu_run_ends(struct eu_run *run, int ending) {
    if (run->ending == GOES_ON)
        run->ending = ending;
    return ending;
}

static int write_failed(struct eu_run *run, int err) {
    if (err == EPIPE)
        return eu_run_ends(run, CLOSED);
    return eu_run_ends(run, eu_fail(err, "write output: %s", eu_strerror(err)));
}

/* Wait until the output takes more; 0: the run was stopped, and its reader still does not read a second later. */
static int wait_for_reader(struct eu_run *run) {
    struct pollfd wait[3] = {
        {.fd = run->options.out_fd, .events = POLLOUT},
        {.fd = run->late ? -1 : run->stop, .events = POLLIN},
        {.fd = run->late ? -1 : run->signals, .events = POLLIN},
    };
    if (poll(wait, 3, run->late ? 1000 : -1) == 0)
        return 0;
    if (wait[1].revents || wait[2].revents)
        run->late = 1;
    return 1;
}

/* Write all of the buffer. Two signals give up on a reader that does not read. */
static void flush(struct eu_run *run) {
    size_t done = 0;
    if (run->out.failed)
        eu_run_ends(run, eu_fail(ENOMEM, "render: out of memory"));
    while (done < run->out.used && run->ending != CLOSED && run->ending >= 0) {
        ssize_t n = write(run->options.out_fd, run->out.data + done, run->out.used - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EINTR) {
            if (eu_signals_count() > 1)
                break;
        } else if (errno == EAGAIN) {
            if (!wait_for_reader(run))
                break;
        } else {
            write_failed(run, errno);
        }
    }
    run->out.used = 0;
    if (run->out.room > 4 * OUT_HIGH) /* one huge record should not be remembered for ever */
        eu_out_free(&run->out);
}

/* Read every buffer once; says how busy they are. */
static enum busy consume(struct eu_run *run) {
    uint64_t before = run->delivered;
    enum busy busy = IDLE;
    for (int i = 0; i < run->nr_sources && run->ending == GOES_ON; i++) {
        struct source *s = &run->sources[(i + run->round) % (unsigned)run->nr_sources];
        if (!s->buffer || !eu_buffer_ready(s->buffer))
            continue;
        size_t size = eu_buffer_size(s->buffer), bytes = eu_buffer_consume(s->buffer, size, eu_pipeline_take, s);
        if (bytes && busy == IDLE)
            busy = SOME;
        if (bytes >= size / 8)
            busy = FULL;
        if (run->out.used >= OUT_HIGH)
            flush(run);
    }
    run->round++;
    return busy == SOME && run->delivered - before >= MANY ? RELAXED : busy;
}

static void print_sample(struct eu_run *run, struct source *s) {
    int others = 0; /* tools often fill one of several maps, as their options say: a name would only disturb */
    for (int i = 0; i < run->nr_sources; i++)
        others |= &run->sources[i] != s && run->sources[i].sample && eu_sample_seen(run->sources[i].sample);
    eu_run_time(run);
    clock_gettime(CLOCK_MONOTONIC, &s->printed);
    long shown = eu_sample_print(s->sample, &run->out, run->time, run->time_size, others);
    if (shown < 0)
        eu_run_ends(run, (int)shown);
    else
        s->account.delivered += (uint64_t)shown;
}

static void print_aggregate(struct eu_run *run, int is_last) {
    eu_run_time(run);
    int err = eu_aggregate_print(run->aggregate, &run->out, run->time, run->time_size, is_last);
    if (err)
        eu_run_ends(run, err);
}

static void read_trace(struct eu_run *run) {
    long lines = eu_trace_pipe_read(run->trace, &run->trace_rest, &run->out, &run->format);
    if (lines < 0)
        eu_run_ends(run, (int)lines);
}

static void on_event(struct eu_run *run, uint64_t data, uint32_t events) {
    uint64_t count;
    switch (data & 0xff) {
    case STOP_FD:
        eu_run_ends(run, STOPPED);
        break;
    case SIGNAL_FD:
        eu_run_ends(run, SIGNAL);
        break;
    case DURATION_FD:
        eu_run_ends(run, DURATION);
        break;
    case OUTPUT_FD:
        if (events & (EPOLLERR | EPOLLHUP))
            eu_run_ends(run, CLOSED);
        break;
    case TRACE_FD:
        read_trace(run);
        break;
    case TIMER_FD: {
        struct source *s = &run->sources[data >> 8];
        if (read(s->timer, &count, sizeof(count)) == sizeof(count))
            s->due = 1;
        break;
    }
    case AGGREGATE_FD:
        if (read(run->aggregate_timer, &count, sizeof(count)) == sizeof(count))
            print_aggregate(run, 0);
        break;
    case KEEP_FD:
        eu_keep_due(run->keep);
        break;
    }
}

static void drain(struct eu_run *run) {
    if (run->ending == CLOSED || run->ending < 0)
        return;
    /* programs may still be attached: what is there now, not what comes meanwhile */
    for (int i = 0; i < run->nr_sources; i++) {
        struct source *s = &run->sources[i];
        size_t left = !s->buffer ? 0 : run->options.hold ? SIZE_MAX / 2 : eu_buffer_size(s->buffer), got;
        eu_run_time(run);
        while (left && run->ending != CLOSED && run->ending >= 0 && (got = eu_buffer_consume(s->buffer, left, eu_pipeline_take, s))) {
            left = got > left ? 0 : left - got;
            flush(run);
        }
    }
    if (run->trace >= 0)
        read_trace(run);
}

/* At the end also what gathered since the last interval, unless that has only just ended. */
static int is_unprinted(struct eu_run *run, struct source *s) {
    struct timespec now;
    if (s->final || s->due)
        return 1;
    if (run->format.compat)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - s->printed.tv_sec) + (double)(now.tv_nsec - s->printed.tv_nsec) / 1e9 > s->interval / 10;
}

static void finish(struct eu_run *run) {
    drain(run);
    for (int i = 0; i < run->nr_sources && run->ending >= 0 && run->ending != CLOSED; i++) {
        struct source *s = &run->sources[i];
        if (s->sample && is_unprinted(run, s))
            print_sample(run, s);
        if (s->view && run->format.format != 2)
            eu_view_finish(s->view, &run->out);
    }
    if (run->aggregate && run->ending >= 0 && run->ending != CLOSED)
        print_aggregate(run, 1);
    if (run->keep && run->ending >= 0 && run->ending != CLOSED)
        eu_keep_finish(run->keep);
    flush(run);
}

static int arm_timers(struct eu_run *run) {
    int err = run->duration >= 0 ? eu_run_arm(run->duration, run->options.duration, 0) : 0;
    if (run->aggregate_timer >= 0 && !run->replay && !err) {
        double interval = eu_aggregate_interval(run->aggregate);
        err = eu_run_arm(run->aggregate_timer, interval, interval);
    }
    for (int i = 0; i < run->nr_sources && !err; i++) {
        struct source *s = &run->sources[i];
        s->interval = run->options.interval > 0 ? run->options.interval : run->plan->sources[i].interval_ms / 1000.0;
        s->printed = run->started;
        if (s->timer >= 0)
            err = eu_run_arm(s->timer, run->format.compat ? 0 : s->interval, s->interval);
    }
    return err;
}

static int start(struct eu_run *run) {
    clock_gettime(CLOCK_MONOTONIC, &run->started);
    int err = run->keep ? eu_keep_start(run->keep) : 0;
    if (!err)
        err = arm_timers(run);
    if (!err && run->options.take_signals) {
        run->signals = eu_signals_take();
        if (run->signals < 0)
            return run->signals;
        err = eu_run_watch(run, run->signals, EPOLLIN, SIGNAL_FD, 0);
    }
    if (run->nr_views == 1 || run->format.compat)
        for (int i = 0; i < run->nr_sources; i++)
            if (run->sources[i].view)
                for (int t = 0; t < eu_view_types(run->sources[i].view) && (run->format.compat || eu_view_types(run->sources[i].view) == 1);
                     t++)
                    eu_pipeline_header(&run->sources[i], t);
    return err;
}

static void wait_for_events(struct eu_run *run, enum busy busy) {
    struct epoll_event events[16];
    struct timespec nap = {0, NAP_NS};
    if (busy == RELAXED) /* let more gather: each wake-up costs the traced program */
        nanosleep(&nap, NULL);
    int n = epoll_wait(run->epoll, events, 16, busy ? 0 : -1);
    if (n < 0 && errno != EINTR)
        eu_run_ends(run, eu_fail(errno, "wait for events: %s", eu_strerror(errno)));
    for (int i = 0; i < n; i++)
        on_event(run, events[i].data.u64, events[i].events);
}

int eu_run_begin(struct eu_run *run) {
    run->ending = GOES_ON;
    int err = start(run);
    if (err)
        eu_run_ends(run, err);
    flush(run);
    return run->ending;
}

void eu_run_flush(struct eu_run *run) {
    flush(run);
}

void eu_run_look(struct eu_run *run, int timeout_ms) {
    struct epoll_event events[16];
    int n = epoll_wait(run->epoll, events, 16, timeout_ms);
    for (int i = 0; i < n; i++)
        on_event(run, events[i].data.u64, events[i].events);
}

void eu_run_show_aggregate(struct eu_run *run) {
    print_aggregate(run, 0);
}

int eu_run_loop(struct eu_run *run) {
    enum busy busy = IDLE;
    eu_run_begin(run);
    while (run->ending == GOES_ON) {
        wait_for_events(run, busy);
        if (run->ending != GOES_ON)
            break;
        eu_run_time(run);
        busy = consume(run);
        for (int i = 0; i < run->nr_sources; i++)
            if (run->sources[i].due) {
                run->sources[i].due = 0;
                print_sample(run, &run->sources[i]);
            }
        if (run->keep)
            eu_keep_round(run->keep);
        flush(run);
    }
    return run->options.hold && run->ending >= 0 ? run->ending : eu_run_finish(run);
}

int eu_run_finish(struct eu_run *run) {
    if (run->options.hold)
        syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0); /* programs that still run when they are detached end */
    finish(run);
    if (run->signals >= 0) /* not another run's */
        eu_signals_restore();
    run->signals = -1;
    return run->ending;
}

void eu_run_stop(struct eu_run *run) {
    uint64_t one = 1;
    if (write(run->stop, &one, sizeof(one)) < 0) {
        /* it is readable already */
    }
}
