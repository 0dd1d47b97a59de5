/* The loop of a run: all sources in one epoll, rendered into one buffer, one write(2) for what a round brought. */
#define _GNU_SOURCE
#include "affinity.h"
#include "chain.h"
#include "error.h"
#include "run_parts.h"
#include "signals.h"
#include "trace_pipe.h"
#include "vanish.h"
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUND_BYTES = 256 << 10, /* of one buffer, before the others have their turn */
    SETTLE_MS = 200          /* a program that was detached while it ran, and sleeps */
};

int eu_run_ends(struct eu_run *run, int ending) {
    if (ending < 0 && run->ending >= 0)
        snprintf(run->failure, sizeof(run->failure), "%s", eu_error());
    if (run->ending == GOES_ON || (ending < 0 && run->ending >= 0)) /* a failure must not go under */
        run->ending = ending;
    return ending;
}

/* Read from every buffer once, no more of one than the others can wait for. */
static void consume(struct eu_run *run) {
    uint64_t records = 0;
    int more = 0;
    eu_run_tick(run);
    for (int i = 0; i < run->nr_sources && run->ending == GOES_ON; i++) {
        struct source *s = &run->sources[(i + run->round) % (unsigned)run->nr_sources];
        if (!s->buffer)
            continue;
        if (!eu_buffer_ready(s->buffer)) {
            eu_gap_look(s);
            continue;
        }
        size_t eighth = eu_buffer_size(s->buffer) / 8;
        uint64_t before = eu_buffer_taken(s->buffer);
        size_t bytes = eu_gap_take(s, ROUND_BYTES);
        int is_high = run->out.used >= run->flush_at;
        records += eu_buffer_taken(s->buffer) - before;
        more |= bytes >= (eighth < ROUND_BYTES ? eighth : ROUND_BYTES) || is_high;
        if (is_high)
            eu_run_flush(run);
    }
    run->round++;
    eu_waiter_round(&run->waiter, records, more);
}

/* What is not one event each: `count` elements of a source end here. */
static void mark(struct eu_run *run, int source, uint64_t count) {
    run->sources[source].queued += count;
    do {
        unsigned part = count < UINT16_MAX ? (unsigned)count : UINT16_MAX;
        eu_output_mark(&run->output, &run->out, source, part);
        count -= part;
    } while (count);
}

static void print_sample(struct eu_run *run, struct source *s) {
    int others = 0; /* tools often fill one of several maps, as their options say: a name would only disturb */
    for (int i = 0; i < run->nr_sources; i++)
        others |= &run->sources[i] != s && run->sources[i].sample && eu_sample_seen(run->sources[i].sample);
    eu_run_time(run);
    clock_gettime(CLOCK_MONOTONIC, &s->printed);
    long shown = run->keep ? eu_keep_sample(run->keep, s) : eu_sample_print(s->sample, &run->out, run->time, run->time_size, others);
    s->account.filtered = eu_sample_filtered(s->sample);
    if (shown < 0)
        eu_run_ends(run, (int)shown);
    else
        mark(run, s->index, (uint64_t)shown);
    if (shown <= 0 || run->nr_views) /* of a tool with events, these are what is counted */
        return;
    run->delivered += (uint64_t)shown;
    if (run->options.max_events && run->delivered >= run->options.max_events)
        eu_run_ends(run, MAX_EVENTS);
}

static void print_aggregate(struct eu_run *run, int is_last) {
    if (run->chain)
        eu_chain_flush(run->chain);
    eu_run_time(run);
    eu_aggregate_lost(run->aggregate, run->lost);
    int err = eu_aggregate_print(run->aggregate, &run->out, run->time, run->time_size, is_last);
    if (err)
        eu_run_ends(run, err);
    else
        mark(run, 0, 0);
}

/* The kernel keeps the lines that a full queue has no room for. */
static void mute_trace(struct eu_run *run, int is_muted) {
    struct epoll_event event = {.events = is_muted ? 0 : EPOLLIN, .data.u64 = TRACE_FD};
    if (run->trace < 0 || run->is_muted == is_muted)
        return;
    epoll_ctl(run->epoll, EPOLL_CTL_MOD, run->trace, &event);
    run->is_muted = is_muted;
}

static void read_trace(struct eu_run *run) {
    mute_trace(run, run->refuse >= 0);
    if (run->is_muted)
        return;
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
            eu_run_closed(run);
        else if (events & EPOLLOUT)
            eu_run_flush(run);
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
            run->aggregate_due = 1;
        break;
    case ROTATE_FD:
        if (read(run->rotation, &count, sizeof(count)) == sizeof(count))
            eu_run_rotate(run);
        break;
    case TELL_FD:
        if (read(run->teller, &count, sizeof(count)) < 0) {
            /* told already */
        }
        break;
    case KEEP_FD:
        eu_keep_due(run->keep);
        break;
    case CHAIN_FD:
        eu_chain_interval(run->chain);
        break;
    case VANISH_FD:
        eu_run_vanished(run);
        break;
    }
}

static void drain(struct eu_run *run) {
    /* programs may still be attached: what is there now, not what comes meanwhile */
    for (int i = 0; i < run->nr_sources; i++) {
        struct source *s = &run->sources[i];
        size_t left = !s->buffer ? 0 : run->options.hold ? SIZE_MAX / 2 : eu_buffer_size(s->buffer), got;
        eu_run_time(run);
        eu_run_tick(run);
        while (left && (got = eu_gap_take(s, left))) {
            left = got > left ? 0 : left - got;
            eu_run_flush(run);
        }
    }
    if (run->trace >= 0 && !run->is_over)
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
    run->is_ending = 1;
    eu_run_flush(run);
    drain(run);
    /* a program that sleeps may still hold a record that it has counted */
    for (int ms = 0; run->options.hold && ms < SETTLE_MS && !eu_run_is_settled(run); ms++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        drain(run);
    }
    if (run->chain && run->ending >= 0 && !run->is_over)
        eu_chain_end(run->chain);
    for (int i = 0; i < run->nr_sources && run->ending >= 0 && !run->is_over; i++) {
        struct source *s = &run->sources[i];
        if (s->sample && !run->replay && is_unprinted(run, s))
            print_sample(run, s);
        if (s->view && run->format.format != 2)
            eu_view_finish(s->view, &run->out);
    }
    if (run->aggregate && run->ending >= 0 && !run->is_over)
        print_aggregate(run, 1);
    if (run->keep && !run->is_over)
        eu_keep_finish(run->keep);
    eu_run_flush(run);
    if (!run->is_over)
        eu_run_tell_accounts(run);
    eu_run_flush(run);
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
    int gone = run->vanish ? eu_vanish_fd(run->vanish) : -1;
    if (!err && gone >= 0)
        err = eu_run_watch(run, gone, EPOLLIN, VANISH_FD, 0);
    if (!err && run->options.take_signals) {
        run->signals = eu_signals_take();
        if (run->signals < 0)
            return run->signals;
        err = eu_run_watch(run, run->signals, EPOLLIN, SIGNAL_FD, 0);
    }
    eu_pipeline_headers(run);
    if (!err && run->chain)
        err = eu_chain_watch(run->chain);
    return err;
}

static void wait_for_events(struct eu_run *run) {
    struct epoll_event events[16];
    int n = eu_waiter_wait(&run->waiter, run->epoll, events, 16, -1);
    if (n < 0 && errno != EINTR)
        eu_run_ends(run, eu_fail(errno, "wait for events: %s", eu_strerror(errno)));
    for (int i = 0; i < n; i++)
        on_event(run, events[i].data.u64, events[i].events);
}

/* What timers asked for; a queue that is full lets it gather where it is. */
static void print_due(struct eu_run *run) {
    for (int i = 0; i < run->nr_sources && run->refuse < 0; i++)
        if (run->sources[i].due) {
            run->sources[i].due = 0;
            print_sample(run, &run->sources[i]);
        }
    if (run->aggregate_due && run->refuse < 0) {
        run->aggregate_due = 0;
        print_aggregate(run, 0);
    }
}

static int result(struct eu_run *run) {
    int err = run->ending == LAST_GONE ? ENODEV : -run->ending;
    return err > 0 ? eu_fail(err, "%s", run->failure) : run->ending;
}

void eu_run_begin(struct eu_run *run) {
    run->ending = GOES_ON;
    int err = start(run);
    if (err)
        eu_run_ends(run, err);
    eu_run_flush(run);
}

void eu_run_look(struct eu_run *run) {
    struct epoll_event events[16];
    int n = epoll_wait(run->epoll, events, 16, 0);
    for (int i = 0; i < n; i++)
        on_event(run, events[i].data.u64, events[i].events);
}

void eu_run_show_aggregate(struct eu_run *run) {
    print_aggregate(run, 0);
}

void eu_run_show_sample(struct eu_run *run, struct source *source) {
    print_sample(run, source);
}

int eu_run_loop(struct eu_run *run) {
    struct eu_affinity *before = run->options.cpu >= 0 ? eu_affinity_set(run->options.cpu) : NULL;
    eu_run_begin(run);
    if (run->options.cpu >= 0 && !before)
        eu_run_ends(run, -eu_errno());
    while (run->ending == GOES_ON) {
        wait_for_events(run);
        if (run->ending != GOES_ON)
            break;
        eu_run_time(run);
        consume(run);
        print_due(run);
        eu_run_tell(run);
        if (run->keep)
            eu_keep_round(run->keep);
        eu_run_flush(run);
        mute_trace(run, run->refuse >= 0);
    }
    eu_affinity_restore(before);
    return run->options.hold ? result(run) : eu_run_finish(run);
}

int eu_run_finish(struct eu_run *run) {
    if (!run->is_finished) {
        if (run->options.hold)
            eu_programs_wait(0); /* where it cannot, records that were counted are waited for in finish() */
        eu_waiter_close(&run->waiter);
        finish(run);
        if (run->signals >= 0) /* not another run's */
            eu_signals_restore();
        run->signals = -1;
        run->is_finished = 1;
        eu_output_close(&run->output);
    }
    return result(run);
}

void eu_run_stop(struct eu_run *run) {
    uint64_t one = 1;
    if (write(run->stop, &one, sizeof(one)) < 0) {
        /* it is readable already */
    }
}
