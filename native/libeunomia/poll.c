/* Polling: from a run's output to the handler. */
#define _GNU_SOURCE
#include "../error.h"
#include "handle.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A NUL behind the event, which is in the middle of others. */
static void hand(struct eunomia_bpf *tool, const char *data, size_t size) {
    if (tool->asked.format == EXPORT_RAW_EVENT) {
        tool->handler(tool->context, data, size);
        return;
    }
    if (size >= tool->room) {
        char *larger = realloc(tool->text, size + 1);
        if (!larger) /* the event is told as it is, without its NUL, rather than not at all */
            return tool->handler(tool->context, data, size);
        tool->text = larger;
        tool->room = size + 1;
    }
    memcpy(tool->text, data, size);
    tool->text[size] = 0;
    tool->handler(tool->context, tool->text, size);
}

static void wait_while_paused(struct eunomia_bpf *tool) {
    struct pollfd ready[2] = {{.fd = tool->stop, .events = POLLIN}, {.fd = tool->resume, .events = POLLIN}};
    uint64_t count;
    while (atomic_load(&tool->is_paused) && !atomic_load(&tool->is_stopped)) {
        poll(ready, 2, -1);
        if (ready[1].revents && read(tool->resume, &count, sizeof(count)) < 0)
            continue; /* another was there first */
    }
}

/* One event with its end of line, or before it what was lost, in lines of their own. */
static void deliver(void *context, const char *data, size_t size) {
    struct eunomia_bpf *tool = context;
    wait_while_paused(tool);
    if (!tool->handler)
        return;
    if (tool->asked.format == EXPORT_PLAIN_TEXT)
        hand(tool, data, size && data[size - 1] == '\n' ? size - 1 : size);
    else if (tool->asked.format == EXPORT_RAW_EVENT)
        hand(tool, data, size);
    else
        for (const char *end; size && (end = memchr(data, '\n', size)); size -= (size_t)(end + 1 - data), data = end + 1)
            hand(tool, data, (size_t)(end - data));
}

int eu_make_run(struct eunomia_bpf *tool, const struct eunomia_poll_options *options) {
    enum { NO_TIME = 0, CLOCK = 1, ISO = 3 };
    int format = options->format == EXPORT_JSON ? 1 : options->format == EXPORT_PLAIN_TEXT ? 0 : 2;
    struct eu_run_options run = {.format = {.format = format,
                                            .time = !options->time ? NO_TIME
                                                    : format == 1  ? ISO
                                                                   : CLOCK,
                                            .symbols = 1},
                                 .out_fd = -1,
                                 .deliver = deliver,
                                 .context = tool,
                                 .stop_fd = tool->stop,
                                 .duration = options->duration,
                                 .max_events = options->max_events,
                                 .interval = options->interval,
                                 .clear = -1,
                                 .hold = 1,
                                 .cpu = -1,
                                 .tell_fd = -1,
                                 .warn_fd = -1,
                                 .program = "libeunomia"};
    eu_run_free(tool->run);
    eu_plan_free(tool->plan);
    tool->asked = *options;
    tool->is_used = 0;
    tool->run = eu_tool_run(tool->tool, &run, &tool->plan);
    return tool->run ? 0 : -eu_errno();
}

static int same(const struct eunomia_poll_options *a, const struct eunomia_poll_options *b) {
    return a->format == b->format && a->duration == b->duration && a->max_events == b->max_events && a->interval == b->interval &&
           a->time == b->time;
}

/* The options as this version has them, whatever version the caller was compiled with; 0, or -errno. */
static int take_options(struct eunomia_poll_options *taken, const struct eunomia_poll_options *given) {
    *taken = (struct eunomia_poll_options){.format = EXPORT_JSON};
    if (given) {
        if (given->size < offsetof(struct eunomia_poll_options, duration))
            return eu_fail(EINVAL, "poll: options of %zu bytes [options.size = sizeof(options)]", given->size);
        memcpy(taken, given, given->size < sizeof(*taken) ? given->size : sizeof(*taken));
    }
    if ((unsigned)taken->format > EXPORT_RAW_EVENT)
        return eu_fail(EINVAL, "poll: format %d is none of text (0), JSON (1), raw (2)", (int)taken->format);
    if (!(taken->duration >= 0 && taken->duration < 1e10) || !(taken->interval >= 0 && taken->interval < 1e10))
        return eu_fail(EINVAL, "poll: duration and interval are seconds from 0 on");
    return 0;
}

static int poll_once(struct eunomia_bpf *tool, const struct eunomia_poll_options *options) {
    uint64_t count;
    int err = tool->is_used || !same(options, &tool->asked) ? eu_make_run(tool, options) : 0;
    if (err)
        return err;
    tool->is_used = 1;
    int ending = eu_run_loop(tool->run);
    if (read(tool->stop, &count, sizeof(count)) < 0) {
        /* something else ended it */
    }
    atomic_store(&tool->is_stopped, 0);
    return ending < 0 ? ending : 0;
}

PUBLIC int eunomia_poll(struct eunomia_bpf *tool, const struct eunomia_poll_options *options, eunomia_handler handler, void *context) {
    struct eunomia_poll_options taken;
    int err = take_options(&taken, options);
    if (!err && !handler)
        err = eu_fail(EINVAL, "poll: no handler (NULL)");
    if (err || (err = eu_enter(tool, ATTACHED, "poll")))
        return err;
    if (tool->state == OPENED) {
        eu_leave(tool);
        return eu_fail(EINVAL, "poll: not loaded");
    }
    tool->handler = handler;
    tool->context = context;
    atomic_store(&tool->polling, (int)syscall(SYS_gettid));
    err = poll_once(tool, &taken);
    atomic_store(&tool->polling, 0);
    int is_closing = atomic_load(&tool->is_closing);
    eu_leave(tool);
    if (is_closing)
        eunomia_close(tool);
    return err;
}

PUBLIC void eunomia_stop(struct eunomia_bpf *tool) {
    uint64_t one = 1;
    int before = errno;
    if (!tool)
        return;
    atomic_store(&tool->is_stopped, 1);
    if (write(tool->stop, &one, sizeof(one)) < 0) {
        /* it is readable already */
    }
    errno = before;
}

PUBLIC void eunomia_pause(struct eunomia_bpf *tool, int is_paused) {
    uint64_t one = 1;
    int before = errno;
    if (!tool)
        return;
    atomic_store(&tool->is_paused, is_paused != 0);
    if (!is_paused && write(tool->resume, &one, sizeof(one)) < 0) {
        /* it is readable already */
    }
    errno = before;
}

PUBLIC int eunomia_detach(struct eunomia_bpf *tool) {
    int err = eu_enter(tool, ATTACHED, "detach");
    if (err)
        return err;
    if (tool->state == OPENED)
        err = eu_fail(EINVAL, "detach: not loaded");
    else {
        eu_tool_detach(tool->tool);
        atomic_store(&tool->is_paused, 0);
        int ending = tool->is_used ? eu_run_finish(tool->run) : 0;
        err = ending < 0 ? ending : 0;
        tool->state = DETACHED;
    }
    eu_leave(tool);
    return err;
}

PUBLIC int eunomia_account(struct eunomia_bpf *tool, struct eunomia_account *account) {
    struct eunomia_account all = {.is_known = 1};
    struct eu_account one;
    if (!tool || !account || account->size < sizeof(all))
        return eu_fail(EINVAL, "account: %s", tool && account ? "account.size is not sizeof(struct eunomia_account)" : "NULL");
    if (tool->state == OPENED || !tool->tool->object)
        return eu_fail(EINVAL, "account: not loaded");
    for (int i = 0; i <= tool->tool->nr_maps; i++) {
        if (eu_object_account(tool->tool->object, i, &one) <= 0)
            continue;
        all.is_known &= one.known;
        all.produced += one.produced;
        all.delivered += one.delivered;
        all.filtered += one.filtered;
        all.discarded += one.discarded;
        all.pending += one.pending;
        for (int cause = 0; cause < EU_CAUSES; cause++)
            all.lost += one.lost[cause];
    }
    all.size = account->size;
    *account = all;
    return 0;
}
