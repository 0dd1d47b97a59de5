/* What the files of a run share: run_open.c opens and closes, run.c waits and reads, pipeline.c
 * decides about each record, run_flush.c writes, tell.c speaks of losses, run_time.c has the clocks. */
#ifndef EUNOMIA_RUN_PARTS_H
#define EUNOMIA_RUN_PARTS_H
#include "accounting.h"
#include "aggregate.h"
#include "eunomia.h"
#include "filter.h"
#include "keep.h"
#include "out.h"
#include "output.h"
#include "plan_read.h"
#include "reader.h"
#include "sample.h"
#include "view.h"
#include "wakeup.h"
#include <time.h>

enum ending { GOES_ON = 1000, STOPPED = 0, SIGNAL = 1, DURATION = 2, MAX_EVENTS = 3, CLOSED = 4, LAST_GONE = 5 };
enum { OUT_HIGH = 256 << 10, TIME_ROOM = 40 };

enum watched {
    STOP_FD = 1,
    SIGNAL_FD,
    DURATION_FD,
    OUTPUT_FD,
    TRACE_FD,
    BUFFER_FD,
    TIMER_FD,
    AGGREGATE_FD,
    ROTATE_FD,
    TELL_FD,
    KEEP_FD,
    CHAIN_FD,
    VANISH_FD
};

struct eu_told {
    uint64_t stream[EU_CAUSES], person[EU_CAUSES];
};

/* Losses of a ring buffer that are to be told in a stream: gap.c. */
struct eu_gap {
    int is_open;            /* it is a ring, and the output a stream of JSON */
    int is_due;             /* there are some, to be told before what comes after `at` */
    uint64_t longest;       /* bytes that a record takes at most */
    uint64_t at, next;      /* positions in the ring: theirs, and that of the next ones at least */
    uint64_t told, noticed; /* losses */
};

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
    struct eu_gap gap;
    uint64_t queued;  /* events in the buffer of the run, not written yet */
    uint64_t *headed; /* per record type: the line at which its header was printed last, 0 never */
    uint64_t seen;    /* that came as far as sampling */
    uint64_t second;  /* the last one in which events passed the rate limit, counted from 1 */
    uint64_t allowed; /* that may still pass in it */
    uint64_t drill;   /* state of its random numbers */
    struct eu_quick_filter quick;
};

struct eu_run {
    struct eu_run_options options;
    struct eu_format format;
    const struct eu_plan *plan;
    struct eu_accounting *accounting;
    struct eu_vanish *vanish;       /* of its object; NULL: a replay */
    struct eu_filter *filter;       /* NULL: all pass */
    struct eu_aggregate *aggregate; /* NULL: lines */
    struct eu_keep *keep;           /* recording; NULL: lines */
    struct eu_chain *chain;         /* guests that get the events first; NULL: none */
    struct eu_recording *replay;    /* where records come from; NULL: buffers */
    uint64_t now;                   /* replay: time of the record, CLOCK_MONOTONIC of the recorded machine */
    struct eu_waiter waiter;
    struct source *sources;
    int nr_sources, nr_views, aggregate_due;
    int epoll, stop, duration, trace, signals, aggregate_timer;
    int ending, late, is_ending /* the output may be waited for */, is_finished;
    char failure[512]; /* the message of an ending below 0, and of LAST_GONE */
    uint64_t delivered, lines, round;
    struct eu_out out, trace_rest;
    struct eu_output output;
    size_t flush_at; /* that much in the buffer is to be written */
    int waits;       /* the output takes no more for now */
    int refuse;      /* why events are lost before they are rendered: a cause, EU_CAUSES: filtered, -1: they are not */
    int is_over;     /* for good */
    int rotation;    /* timer */
    int is_full;     /* the file, not the queue: the next bytes go into a new one */
    int is_timed;    /* it runs */
    int is_muted;    /* the trace pipe: not read while the queue is full */
    uint64_t second; /* since the start, counted from 1; of the rate limit */
    /* telling of losses */
    int teller;                   /* timer */
    int tell_stream, tell_person; /* there is something to tell */
    double stream_due, person_due, others_due;
    struct eu_told *told; /* by account of the run */
    int nr_told;
    uint64_t lost, lost_others;
    struct timespec started;
    char time[TIME_ROOM];
    size_t time_size;
};

/* Whether all records that programs counted were read; 1 where they do not count. The kernel is asked what it lost, too. */
int eu_run_is_settled(struct eu_run *run);
/* A JSON object, as eunomia.events.account.Account.to_dict(). */
void eu_account_json(struct eu_out *out, const struct eu_account *account);
/* The run ends soon, for this reason unless there was one before; returns it. */
int eu_run_ends(struct eu_run *run, int ending);
/* Have the run's epoll report a descriptor as `what` (enum watched) of source `index`. */
int eu_run_watch(struct eu_run *run, int fd, uint32_t events, int what, int index);
/* Set a timer: seconds to the first time, and between times (0: once). */
int eu_run_arm(int fd, double first, double interval);
/* The time column, or the value of "ts", of now; in a replay of the record. */
void eu_run_time(struct eu_run *run);
/* Note in which second of the run this is. */
void eu_run_tick(struct eu_run *run);
/* Write what the output takes; at the end of a run wait for its reader. */
void eu_run_flush(struct eu_run *run);
/* The reader of the output has left. */
void eu_run_closed(struct eu_run *run);
/* Begin a new file, if the present one has events. */
void eu_run_rotate(struct eu_run *run);
/* Tell of losses that were not told yet, where it is time. */
void eu_run_tell(struct eu_run *run);
/* Targets went away: say so, and end with the last. */
void eu_run_vanished(struct eu_run *run);
int eu_run_has_stream(const struct eu_run *run);
/* Tell in the stream that a ring lost so many records here. */
void eu_tell_gap(struct source *source, uint64_t count);
void eu_gap_open(struct source *source);
/* See whether a ring lost records, and tell where it is time. */
void eu_gap_look(struct source *source);
/* Read a buffer, and tell of losses between the records where they were. Returns bytes. */
size_t eu_gap_take(struct source *source, size_t most);
/* At the end of a stream of JSON: the rest of the losses, and the accounts where there were any. */
void eu_run_tell_accounts(struct eu_run *run);
/* A record of a buffer (an eu_take): 0 go on, 1 write first. */
int eu_pipeline_take(void *source, const uint8_t *record, size_t size);
/* A record that came through the guests of the run, with the JSON members that they added. */
struct eu_item;
void eu_pipeline_deliver(struct source *source, const struct eu_item *item, const uint8_t *record, const char *members);
/* The header of a record type where one is due. */
void eu_pipeline_header(struct source *source, int match);
/* The headers that a file begins with. */
void eu_pipeline_headers(struct eu_run *run);
/* What eu_run_loop() does besides reading buffers, for eu_run_replay(): begin, look after descriptors, show an aggregate or a
 * sampled map. */
void eu_run_begin(struct eu_run *run);
void eu_run_look(struct eu_run *run);
void eu_run_show_aggregate(struct eu_run *run);
void eu_run_show_sample(struct eu_run *run, struct source *source);
/* Accounts in a replay; 0 or -errno. */
int eu_replay_account(struct eu_run *run, int source, struct eu_account *account);
int eu_replay_accounts(struct eu_run *run);
#endif
