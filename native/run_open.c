/* Opening and closing a run: buffers, views, timers, and what its options ask for. */
#define _GNU_SOURCE
#include "affinity.h"
#include "chain.h"
#include "error.h"
#include "fields.h"
#include "recording.h"
#include "run_parts.h"
#include "trace_pipe.h"
#include "vanish.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

int eu_run_watch(struct eu_run *run, int fd, uint32_t events, int what, int index) {
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)index << 8 | (unsigned)what};
    return epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event) ? eu_fail(errno, "watch descriptor: %s", eu_strerror(errno)) : 0;
}

static int open_source(struct eu_run *run, struct eu_object *object, int index) {
    const struct eu_plan_source *planned = &run->plan->sources[index];
    struct source *s = &run->sources[index];
    s->account.map = plan_string(run->plan, planned->map);
    s->map = object ? eu_map_find(object, s->account.map) : -1;
    if (object && s->map < 0)
        return eu_fail(ENOENT, "read map %s: the object has no such map", s->account.map);
    if (run->format.format == 3 && planned->style != EU_STACKS)
        return eu_fail(EINVAL, "fold stacks: map %s has no stack traces", s->account.map);
    if (planned->kind == EU_SAMPLE) {
        struct eu_run_options all = {.format = eu_keep_format(), .clear = run->options.clear, .out_fd = -1};
        s->sample = run->options.recorder ? eu_sample_open(object, run->plan, index, &all, NULL)
                                          : eu_sample_open(object, run->plan, index, &run->options, run->filter);
        if (!s->sample)
            return -eu_errno();
        if (!object)
            return 0;
        s->final = planned->flags & EU_FINAL || !planned->interval_ms || run->format.format == 3;
        if (run->options.interval > 0)
            s->final = run->format.format == 3;
        if (s->final)
            return 0;
        s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        return s->timer < 0 ? eu_fail(errno, "make timer: %s", eu_strerror(errno)) : eu_run_watch(run, s->timer, EPOLLIN, TIMER_FD, index);
    }
    s->view = eu_view_new(run->plan, index, &run->format, 1);
    if (!s->view)
        return -eu_errno();
    if (run->filter && run->options.drill_loss <= 0)
        s->quick = eu_filter_quick(run->filter, run->plan, index);
    if (object)
        eu_view_use(s->view, object);
    s->headed = calloc((size_t)eu_view_types(s->view) + 1, sizeof(*s->headed));
    if (!s->headed)
        return eu_fail(ENOMEM, "open run: out of memory");
    if (!object)
        return 0;
    s->buffer = eu_buffer_open(object, s->map, run->options.perf_pages);
    return s->buffer ? eu_waiter_add(&run->waiter, s->buffer, run->epoll, (uint64_t)index << 8 | BUFFER_FD) : -eu_errno();
}

static int open_timer(struct eu_run *run, int *timer, int what) {
    *timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return *timer < 0 ? eu_fail(errno, "make timer: %s", eu_strerror(errno)) : eu_run_watch(run, *timer, EPOLLIN, what, 0);
}

static int open_stages(struct eu_run *run, struct eu_object *object) {
    const struct eu_run_options *o = &run->options;
    if (o->filter && !(run->filter = eu_filter_read(run->plan, o->filter, o->filter_size)))
        return -eu_errno();
    if (run->filter)
        eu_filter_use(run->filter, o->members);
    if (o->nr_sieves && !(run->chain = eu_chain_new(run, o->sieves, o->nr_sieves)))
        return -eu_errno();
    if (o->recorder)
        return (run->keep = eu_keep_new(run, object, o->recorder)) ? eu_run_watch(run, eu_keep_fd(run->keep), EPOLLIN, KEEP_FD, 0)
                                                                   : -eu_errno();
    if (eu_aggregate_check(run->plan, o))
        return -eu_errno();
    if (!eu_aggregate_is_wanted(run->plan, o))
        return 0;
    run->aggregate = eu_aggregate_new(run->plan, o);
    if (!run->aggregate)
        return -eu_errno();
    if (eu_aggregate_interval(run->aggregate) <= 0)
        return 0;
    return open_timer(run, &run->aggregate_timer, AGGREGATE_FD);
}

/* The sink, and the descriptors that a run always or often has. */
static int open_ends(struct eu_run *run) {
    const struct eu_run_options *o = &run->options;
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    run->stop = o->stop_fd > 0 ? fcntl(o->stop_fd, F_DUPFD_CLOEXEC, 3) : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (run->epoll < 0 || run->stop < 0)
        return eu_fail(errno, "open run: %s", eu_strerror(errno));
    int err = eu_run_watch(run, run->stop, EPOLLIN, STOP_FD, 0);
    if (!err && o->duration > 0)
        err = open_timer(run, &run->duration, DURATION_FD);
    if (!err && o->rotate_after > 0)
        err = open_timer(run, &run->rotation, ROTATE_FD);
    if (!err)
        err = open_timer(run, &run->teller, TELL_FD);
    if (!err)
        err = eu_output_open(&run->output, o);
    struct epoll_event left = {.data.u64 = OUTPUT_FD}; /* regular files refuse; they have no reader that could leave */
    epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->output.fd, &left);
    return err;
}

/* Ahead of the loop, in which it happens: nothing is attached yet. */
static int can_pin(int cpu) {
    struct eu_affinity *before = cpu >= 0 ? eu_affinity_set(cpu) : NULL;
    if (cpu >= 0 && !before)
        return -eu_errno();
    eu_affinity_restore(before);
    return 0;
}

static int open_run(struct eu_run *run, struct eu_object *object) {
    int err;
    if (object && !(run->accounting = eu_accounting_open(object))) /* without an object: a replay */
        return -eu_errno();
    if (object)
        run->vanish = eu_vanish_share(object->vanish);
    if (object)
        eu_waiter_open(&run->waiter, object, run->options.wakeup);
    if (can_pin(run->options.cpu))
        return -eu_errno();
    if (run->format.fields && eu_fields_check(run->plan, "--fields", run->format.fields))
        return -eu_errno();
    if (open_ends(run) || open_stages(run, object))
        return -eu_errno();
    for (int i = 0; i < run->nr_sources; i++)
        run->nr_views += run->plan->sources[i].kind != EU_SAMPLE;
    for (int i = err = 0; i < run->nr_sources && !err; i++) {
        struct source *s = &run->sources[i];
        err = open_source(run, object, i);
        if (!err)
            eu_tally_join(&s->tally, run->accounting, s->map, &s->account, s->buffer);
        if (!err && s->buffer)
            eu_gap_open(s);
    }
    if (!err && run->chain && !run->nr_views)
        err = eu_fail(EINVAL, "a guest gets events, and this tool has tables only: nothing would reach it");
    if (!err && run->chain) /* before privileges are dropped, and before anything is attached */
        err = eu_chain_start(run->chain);
    if (!err && run->options.trace_pipe) {
        run->trace = eu_trace_pipe_open();
        err = run->trace < 0 ? run->trace : eu_run_watch(run, run->trace, EPOLLIN, TRACE_FD, 0);
    }
    return err;
}

struct eu_run *eu_run_new(struct eu_object *object, struct eu_plan *plan, const struct eu_run_options *options) {
    struct eu_run *run = calloc(1, sizeof(*run));
    if (!run)
        return eu_fail_null(ENOMEM, "open run: out of memory");
    run->options = *options;
    run->format = options->format;
    run->plan = plan;
    run->epoll = run->stop = run->duration = run->trace = run->signals = -1;
    run->aggregate_timer = run->rotation = run->teller = run->refuse = -1;
    run->output.fd = run->output.given = -1;
    run->flush_at = OUT_HIGH;
    run->sources = calloc(plan->header.nr_sources + 1, sizeof(*run->sources));
    if (!run->sources) {
        eu_run_free(run);
        return eu_fail_null(ENOMEM, "open run: out of memory");
    }
    run->nr_sources = (int)plan->header.nr_sources;
    for (int i = 0; i < run->nr_sources; i++) {
        run->sources[i].run = run;
        run->sources[i].index = i;
        run->sources[i].timer = -1;
        run->sources[i].drill = 0x9e3779b97f4a7c15u + (unsigned)i;
    }
    if (!open_run(run, object))
        return run;
    eu_run_free(run);
    return NULL;
}

int eu_run_manages_wakeups(const struct eu_run *run) {
    return eu_waiter_manages(&run->waiter);
}

static void close_fd(int fd) {
    if (fd >= 0)
        close(fd);
}

void eu_run_free(struct eu_run *run) {
    if (!run)
        return;
    eu_waiter_close(&run->waiter);
    for (int i = 0; i < run->nr_sources && run->sources; i++) {
        struct source *s = &run->sources[i];
        eu_tally_leave(&s->tally);
        eu_buffer_close(s->buffer);
        eu_view_free(s->view);
        eu_sample_close(s->sample);
        close_fd(s->timer);
        free(s->headed);
    }
    free(run->sources);
    eu_accounting_close(run->accounting);
    eu_vanish_free(run->vanish);
    eu_filter_free(run->filter);
    eu_aggregate_free(run->aggregate);
    eu_keep_free(run->keep);
    eu_chain_free(run->chain);
    eu_recording_free(run->replay);
    eu_output_close(&run->output);
    free(run->told);
    close_fd(run->aggregate_timer);
    close_fd(run->rotation);
    close_fd(run->teller);
    close_fd(run->trace);
    close_fd(run->duration);
    close_fd(run->stop);
    close_fd(run->epoll);
    eu_out_free(&run->out);
    eu_out_free(&run->trace_rest);
    free(run);
}
