#ifndef API_EVENTS_H
#define API_EVENTS_H
/* From records to output. A plan (docs/reference/plan.md, plan.h) says what the records of each source look like. */
struct eu_object;
struct eu_recorder;
struct eu_sieve;

struct eu_plan;
/* Check and copy a plan; NULL and eu_error() when it is damaged. */
struct eu_plan *eu_plan_read(const void *bytes, size_t size);
void eu_plan_free(struct eu_plan *plan);
int eu_plan_sources(const struct eu_plan *plan);
/* Its ring buffers were made perf buffers, whose records the kernel pads. */
void eu_plan_without_rings(struct eu_plan *plan);
int eu_plan_has_events(const struct eu_plan *plan); /* not sampled maps only */

struct eu_format {
    int format; /* 0 text, 1 JSON lines, 2 raw bytes, 3 folded stacks, 4 CSV */
    int compat; /* 1: the first system's text and JSON, byte for byte */
    int time;   /* first column of text, "ts" of JSON ("_ts" where a member is called ts): 0 none, 1 wall clock %H:%M:%S, 2 seconds since
                   start, 3 ISO 8601 with microseconds */
    int header; /* 0 never, 1 once, 2 again after screen_rows lines */
    int screen_rows;
    int big_ints;       /* 1: integers above 2^53 as JSON strings */
    int raw_values;     /* 1: no decoders (addresses, signals, system calls by name) */
    int symbols;        /* 1: stacks with symbols, 2: also where the package wants addresses */
    int per_cpu;        /* 1: per-CPU values apart, not summed */
    int event_names;    /* 1: JSON lines of a run with several types of events say of which they are; text and CSV always do */
    const char *fields; /* paths joined by commas: these, in this order; NULL: all */
};
/* Render one record of a source as the loop would, without the time column and the newline at the end; returns the length,
 * or -errno: for tests and Python. */
long eu_render(struct eu_plan *plan, int source, const struct eu_format *format, const void *record, size_t size, char *out, size_t room);
/* The header above such lines, newline included, of a source's record type in text, of all types in CSV, nothing in JSON. */
long eu_render_header(struct eu_plan *plan, int source, const struct eu_format *format, int type, char *out, size_t room);
/* The name of a decoder (enum eu_decoder), NULL: there is none of that number. */
const char *eu_decoder_name(int decoder);
/* Every path of a list joined by commas must be a field of at least one record type or sampled map: 0, or -EINVAL and
 * "OPTION: no field X [did you mean Y? fields: a, b.c]". */
int eu_fields_check(const struct eu_plan *plan, const char *option, const char *list);

/* What a run does. Strings and the filter must stay valid as long as the run. */
struct eu_run_options {
    struct eu_format format;
    int out_fd;
    void (*deliver)(void *context, const char *event, size_t size); /* gets each event in place of out_fd, NULL: none */
    void *context;
    int stop_fd;         /* an eventfd that ends the loop when it is readable, as eu_run_stop() does; 0: the run has its own */
    double duration;     /* seconds, 0: no end */
    uint64_t max_events; /* 0: no end */
    double interval;     /* of sampling and of aggregation in seconds, 0: the plan's */
    int clear;           /* clear sampled maps after each interval: -1 as the plan says, 0 no, 1 yes */
    int perf_pages;      /* per CPU, a power of two; 0: as eu_map_set_perf_pages() said, else 64, fewer where the kernel allows no more */
    int take_signals;    /* 1: SIGINT, SIGTERM and SIGHUP end the loop (handlers are put back afterwards) */
    int hold;            /* 1: the loop does not finish; its caller detaches and calls eu_run_finish */
    int trace_pipe;      /* 1: bpf_printk's lines too */
    int wakeup;          /* 0 adaptive where the object can, 1 each record, 2 batches */
    int cpu;             /* the reading thread's CPU, -1: any */
    /* which records pass, in this order */
    const void *filter; /* bytecode (filter.h), NULL: all pass */
    size_t filter_size;
    double drill_loss;          /* share that is dropped on purpose, 0 to 1 */
    struct eu_members *members; /* that the filter asks for, NULL: none; it must outlive the run */
    struct eu_sieve **sieves;   /* guests that pass the filter's events on, in this order: api_chain.h */
    int nr_sieves;
    uint64_t sample;   /* every Nth event of a source; 0 and 1: all */
    double rate_limit; /* events a second of a source, 0: no limit */
    /* aggregation in place of lines: field paths joined by commas, NULL: none */
    const char *count_by;
    const char *hist;
    const char *sort; /* rows by this column, descending; `+FIELD` ascending */
    uint64_t top;     /* rows shown, 0: all */
    int live;         /* 1: redraw in place */
    /* where it goes */
    struct eu_recorder *recorder; /* raw records go into this recording, in place of lines; NULL: lines */
    const char *path;             /* name of out_fd's file, NULL: no file that can be rotated */
    uint64_t rotate_size;         /* bytes, 0: no limit */
    double rotate_after;          /* seconds, 0: no limit */
    int rotate_keep;              /* old files, 0: all */
    uint64_t queue;               /* bytes that may wait for a slow reader of the output, 0: 64 MiB */
    /* losses during the run */
    int tell_fd;          /* lines about losses go there, -1: none */
    double tell_interval; /* seconds between them at least, 0: 1 */
    int warn_fd;          /* lines about targets that are gone, while others are there, go there, -1: none */
    const char *program;  /* how these lines begin: "ecli" */
};
/* Whether there is what count_by, hist, sort and top ask for: 0, or -EINVAL and eu_error() that says what there is. */
int eu_aggregate_check(const struct eu_plan *plan, const struct eu_run_options *options);

struct eu_run;
struct eu_run *eu_run_new(struct eu_object *object, struct eu_plan *plan, const struct eu_run_options *options);
/* Read, render and write until something ends it: 0 stopped, 1 signal, 2 duration, 3 max_events, 4 output closed, or -errno. */
int eu_run_loop(struct eu_run *run);
/* Wait for programs that still run, and print what is left; returns the ending. */
int eu_run_finish(struct eu_run *run);
void eu_run_stop(struct eu_run *run);
/* 1: programs wake the reader as it says; 0: as the kernel does, for the object has no wake-up flag or other readers. */
int eu_run_manages_wakeups(const struct eu_run *run);
void eu_run_free(struct eu_run *run);

/* Why a record was lost. eu_cause_name() has the words of the accounts. */
enum eu_cause {
    EU_NO_ROOM,     /* ring or perf buffer full */
    EU_MAP_FULL,    /* an update of a map found no room */
    EU_COLLISION,   /* two stacks, one place in the stack map */
    EU_UNDECODABLE, /* too short for its type, or of none */
    EU_QUEUE_FULL,  /* the reader of the output is too slow */
    EU_SINK_FAILED, /* output could not be written */
    EU_SAMPLED_OUT,
    EU_RATE_LIMITED,
    EU_DRILL,        /* dropped on purpose */
    EU_NOT_READ,     /* still in a perf buffer when its reader was closed */
    EU_GUEST_FAILED, /* a guest that was given it trapped, or had before */
    EU_CAUSES
};
const char *eu_cause_name(int cause, int kind);
/* Why an account is not known. */
enum eu_unknown {
    EU_UNCOUNTED, /* the object does not count, or by a version that is not known here */
    EU_UNNAMED,   /* a call learns its map at run time, and it may be this one */
    EU_UNSEEN,    /* more was read than counted */
    EU_CUT,       /* the recording ends before the run did */
    EU_EARLY      /* the replay ended before the recording */
};
/* produced = delivered + filtered + discarded + the sum of lost + pending */
struct eu_account {
    const char *map;
    int kind;           /* of the plan: 1 ring, 2 perf, 3 sampled map; 4 another map that is updated */
    int known;          /* 1: the object counts what it produces; else produced and lost[EU_NO_ROOM] are a lower bound */
    uint64_t produced;  /* calls that were to produce a record */
    uint64_t delivered; /* events written, aggregated or recorded */
    uint64_t filtered;  /* left out because of a filter or --max-events */
    uint64_t discarded; /* reserved and given back by the program */
    uint64_t pending;   /* produced, and neither written nor anything else yet: in the buffer, or waiting for a slow reader of the output */
    uint64_t lost[11];  /* enum eu_cause */
    int why;            /* of an account that is not known: enum eu_unknown */
};
int eu_run_account(struct eu_run *run, int source, struct eu_account *account);

/* The symbol of an address in a process: writes "name+0xoff" (or "[unknown]"), returns its length. */
long eu_symbol_user(int pid, uint64_t address, char *out, size_t room);
#endif
