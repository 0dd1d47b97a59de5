/* Timers of a run, and the time that its events carry. */
#define _GNU_SOURCE
#include "error.h"
#include "number.h"
#include "run_parts.h"
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

enum { LONGEST = 1 << 30 /* seconds */ };

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

/* The time column, or the value of "ts". */
void eu_run_time(struct eu_run *run) {
    struct timespec now;
    char *w = run->time;
    int json = run->format.format == 1, time = run->format.compat && !json ? 1 : run->format.time;
    int quote = json && time != 2;
    run->time_size = 0;
    if (!time || (json && run->format.compat))
        return;
    if (quote)
        *w++ = '"';
    if (time == 2) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t ns = (now.tv_sec - run->started.tv_sec) * 1000000000ll + now.tv_nsec - run->started.tv_nsec;
        w = eu_put_u64(w, ns / 1000000000);
        *w++ = '.';
        w = eu_put_u64(w, 1000000 + ns / 1000 % 1000000); /* the 1 keeps its zeroes and is overwritten */
        memmove(w - 7, w - 6, 6);
        w--;
    } else {
        clock_gettime(CLOCK_REALTIME, &now);
        w = time == 1 ? eu_put_clock(w, now.tv_sec) : eu_put_iso(w, now.tv_sec, now.tv_nsec);
    }
    if (quote)
        *w++ = '"';
    if (run->format.compat)
        *w++ = ' ';
    run->time_size = (size_t)(w - run->time);
}

void eu_run_tick(struct eu_run *run) {
    struct timespec now;
    if (run->options.rate_limit <= 0)
        return;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* of the last tick: may lie before the start */
    int64_t ns = (now.tv_sec - run->started.tv_sec) * 1000000000ll + now.tv_nsec - run->started.tv_nsec;
    run->second = ns > 0 ? (uint64_t)ns / 1000000000 + 1 : 1;
}
