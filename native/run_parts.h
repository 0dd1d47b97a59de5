/* What the files of a run share: run_open.c opens and closes, run.c waits and reads, pipeline.c
 * decides about each record, run_time.c has its clocks. */
#ifndef EUNOMIA_RUN_PARTS_H
#define EUNOMIA_RUN_PARTS_H
#include "accounting.h"
#include "aggregate.h"
#include "eunomia.h"
#include "filter.h"
#include "out.h"
#include "plan_read.h"
#include "reader.h"
#include "recorder.h"
#include "sample.h"
#include "view.h"
#include "wakeup.h"
#include <time.h>

enum ending { GOES_ON = 1000, STOPPED = 0, SIGNAL = 1, DURATION = 2, MAX_EVENTS = 3, CLOSED = 4 };
enum { OUT_HIGH = 256 << 10, TIME_ROOM = 40 };

enum watched { STOP_FD = 1, SIGNAL_FD, DURATION_FD, OUTPUT_FD, TRACE_FD, BUFFER_FD, TIMER_FD, AGGREGATE_FD };

struct source {
    struct eu_run *run;
    int index, map;
    struct eu_buffer *buffer;
    struct eu_view *view;
    struct eu_sample *sample;
    int timer, due, final; /* samples */
    double interval;       /* seconds */
    struct timespec printed;
    struct eu_account account;
    struct eu_tally tally; /* what makes it part of the object's account */
    int *headed;           /* per record type: the line at which its header was printed last, -1 never */
    int shown_last;        /* record type of the last line */
    uint64_t seen;         /* that came as far as sampling */
    uint64_t allowed;
    struct timespec second; /* of the rate limit */
    uint64_t drill;         /* state of its random numbers */
};

struct eu_run {
    struct eu_run_options options;
    struct eu_format format;
    const struct eu_plan *plan;
    struct eu_accounting *accounting;
    struct eu_filter *filter;       /* NULL: all pass */
    struct eu_aggregate *aggregate; /* NULL: lines */
    struct eu_recorder *recorder;   /* NULL: lines */
    struct eu_waiter waiter;
    struct source *sources;
    int nr_sources, nr_views;
    int epoll, stop, duration, trace, signals, aggregate_timer;
    int ending, late;
    uint64_t delivered, lines, round;
    struct eu_out out, trace_rest;
    struct timespec started;
    char time[TIME_ROOM];
    size_t time_size;
};

/* The run ends soon, for this reason unless there was one before; returns it. */
int eu_run_ends(struct eu_run *run, int ending);
/* Have the run's epoll report a descriptor as `what` (enum watched) of source `index`. */
int eu_run_watch(struct eu_run *run, int fd, uint32_t events, int what, int index);
/* Set a timer: seconds to the first time, and between times (0: once). */
int eu_run_arm(int fd, double first, double interval);
/* The time column, or the value of "ts", of now. */
void eu_run_time(struct eu_run *run);
/* A record of a buffer (an eu_take): 0 go on, 1 write first. */
int eu_pipeline_take(void *source, const uint8_t *record, size_t size);
/* The header of a record type where one is due. */
void eu_pipeline_header(struct source *source, int match);
#endif
