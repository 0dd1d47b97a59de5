/* What the files of a run share: run_open.c opens and closes, run.c waits and reads, pipeline.c
 * decides about each record, run_time.c has its clocks. */
#ifndef EUNOMIA_RUN_PARTS_H
#define EUNOMIA_RUN_PARTS_H
#include "accounting.h"
#include "aggregate.h"
#include "eunomia.h"
#include "filter.h"
#include "keep.h"
#include "out.h"
#include "plan_read.h"
#include "reader.h"
#include "sample.h"
#include "view.h"
#include <time.h>

enum ending { GOES_ON = 1000, STOPPED = 0, SIGNAL = 1, DURATION = 2, MAX_EVENTS = 3, CLOSED = 4 };
enum { OUT_HIGH = 256 << 10, TIME_ROOM = 40 };

enum watched { STOP_FD = 1, SIGNAL_FD, DURATION_FD, OUTPUT_FD, TRACE_FD, BUFFER_FD, TIMER_FD, AGGREGATE_FD, KEEP_FD };

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
    int *headed;    /* per record type: the line at which its header was printed last, -1 never */
    int shown_last; /* record type of the last line */
    uint64_t seen;  /* that came as far as sampling */
    uint64_t allowed;
    struct timespec second; /* of the rate limit */
    uint64_t drill;         /* state of its random numbers */
};

struct eu_run {
    struct eu_run_options options;
    struct eu_format format;
    const struct eu_plan *plan;
    struct eu_accounting *accounting; /* NULL: the object does not count */
    struct eu_filter *filter;         /* NULL: all pass */
    struct eu_aggregate *aggregate;   /* NULL: lines */
    struct eu_keep *keep;             /* recording; NULL: lines */
    struct eu_recording *replay;      /* where records come from, NULL: buffers */
    uint64_t now;                     /* replay: time of the record, CLOCK_MONOTONIC of the recorded machine */
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
/* The time column, or the value of "ts", of now; in a replay of the record. */
void eu_run_time(struct eu_run *run);
/* What eu_run_loop() does besides reading buffers, for eu_run_replay(): begin, write what is rendered, look after descriptors
 * (waiting so long at most), show the aggregate. */
int eu_run_begin(struct eu_run *run);
void eu_run_flush(struct eu_run *run);
void eu_run_look(struct eu_run *run, int timeout_ms);
void eu_run_show_aggregate(struct eu_run *run);
/* The account of a source in a replay. */
void eu_replay_account(struct eu_run *run, int source, struct eu_account *account);
/* A record of a buffer (an eu_take): 0 go on, 1 write first. */
int eu_pipeline_take(void *source, const uint8_t *record, size_t size);
/* The header of a record type where one is due. */
void eu_pipeline_header(struct source *source, int match);
#endif
