/* Timers of a run, and the time that its events carry. */
#define _GNU_SOURCE
#include "clock.h"
#include "error.h"
#include "number.h"
#include "run_parts.h"
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

enum { LONGEST = 1 << 30 /* seconds */, SECOND = 1000000000 };

int eu_run_arm(int fd, double first, double interval) {
    first = first < LONGEST ? first : LONGEST;
    interval = interval < LONGEST ? interval : LONGEST;
    struct itimerspec when = {
        .it_value = {(time_t)first, (long)((first - (double)(time_t)first) * 1e9)},
        .it_interval = {(time_t)interval, (long)((interval - (double)(time_t)interval) * 1e9)},
    };
    if (!when.it_value.tv_sec && !when.it_value.tv_nsec)
        when.it_value.tv_nsec = 1;
    return timerfd_settime(fd, 0, &when, NULL) ? eu_fail(errno, "set timer: %s", eu_strerror(errno)) : 0;
}

static int64_t nanoseconds(struct timespec time) {
    return time.tv_sec * (int64_t)SECOND + time.tv_nsec;
}

/* A replay's clocks are those of the recording, which may say anything. */
static int64_t read_clock(const struct eu_run *run, clockid_t clock) {
    struct timespec now;
    if (!run->replay) {
        clock_gettime(clock, &now);
        return nanoseconds(now);
    }
    int64_t recorded = clock == CLOCK_REALTIME ? eu_clock_wall(EU_CLOCK_MONOTONIC, run->now) : (int64_t)run->now;
    return recorded < 0 ? 0 : recorded;
}

/* The time column, or the value of "ts". */
void eu_run_time(struct eu_run *run) {
    char *w = run->time;
    int json = run->format.format == 1, time = run->format.compat && !json ? 1 : run->format.time;
    int quote = json && time != 2;
    run->time_size = 0;
    if (!time || (json && run->format.compat))
        return;
    if (quote)
        *w++ = '"';
    if (time == 2) {
        int64_t ns = read_clock(run, CLOCK_MONOTONIC) - nanoseconds(run->started);
        ns = ns < 0 ? 0 : ns; /* a recording's */
        w = eu_put_u64(w, ns / SECOND);
        *w++ = '.';
        w = eu_put_u64(w, 1000000 + ns / 1000 % 1000000); /* the 1 keeps its zeroes and is overwritten */
        memmove(w - 7, w - 6, 6);
        w--;
    } else {
        int64_t ns = read_clock(run, CLOCK_REALTIME);
        w = time == 1 ? eu_put_clock(w, ns / SECOND) : eu_put_iso(w, ns / SECOND, ns % SECOND);
    }
    if (quote)
        *w++ = '"';
    if (run->format.compat)
        *w++ = ' ';
    run->time_size = (size_t)(w - run->time);
}

void eu_run_tick(struct eu_run *run) {
    if (run->options.rate_limit <= 0)
        return;
    int64_t ns = read_clock(run, CLOCK_MONOTONIC_COARSE) - nanoseconds(run->started); /* coarse: may lie before the start */
    run->second = ns > 0 ? (uint64_t)ns / SECOND + 1 : 1;
}
