#ifndef API_EVENTS_H
#define API_EVENTS_H
/* From records to output. A plan (docs/reference/plan.md, plan.h) says what the records of each source look like. */
struct eu_object;

struct eu_plan;
/* Check and copy a plan; NULL and eu_error() when it is damaged. */
struct eu_plan *eu_plan_read(const void *bytes, size_t size);
void eu_plan_free(struct eu_plan *plan);
int eu_plan_sources(const struct eu_plan *plan);

struct eu_format {
    int format; /* 0 text, 1 JSON lines, 2 raw bytes, 3 folded stacks */
    int compat; /* 1: the first system's text and JSON, byte for byte */
    int time;   /* first column of text, "ts" of JSON ("_ts" where a member is called ts): 0 none, 1 wall clock %H:%M:%S, 2 seconds since
                   start, 3 ISO 8601 with microseconds */
    int header; /* 0 never, 1 once, 2 again after screen_rows lines */
    int screen_rows;
    int big_ints;   /* 1: integers above 2^53 as JSON strings */
    int raw_values; /* 1: no decoders (addresses, signals, system calls by name) */
    int symbols;    /* 1: stacks with symbols */
    int per_cpu;    /* 1: per-CPU values apart, not summed */
};
/* Render one record of a source as the loop would, without the time column and the newline at the end; returns the length,
 * or -errno: for tests and Python. */
long eu_render(struct eu_plan *plan, int source, const struct eu_format *format, const void *record, size_t size, char *out, size_t room);

struct eu_run_options {
    struct eu_format format;
    int out_fd;
    double duration;     /* seconds, 0: no end */
    uint64_t max_events; /* 0: no end */
    double interval;     /* sampling interval in seconds, 0: the plan's */
    int clear;           /* clear sampled maps after each interval: -1 as the plan says, 0 no, 1 yes */
    int perf_pages;      /* per CPU, a power of two; 0: 64 */
    int take_signals;    /* 1: SIGINT, SIGTERM and SIGHUP end the loop (handlers are put back afterwards) */
    int hold;            /* 1: the loop does not finish; its caller detaches and calls eu_run_finish */
    int trace_pipe;      /* 1: bpf_printk's lines too */
};
struct eu_run;
struct eu_run *eu_run_new(struct eu_object *object, struct eu_plan *plan, const struct eu_run_options *options);
/* Read, render and write until something ends it: 0 stopped, 1 signal, 2 duration, 3 max_events, 4 output closed, or -errno. */
int eu_run_loop(struct eu_run *run);
/* Wait for programs that still run, and print what is left; returns the ending. */
int eu_run_finish(struct eu_run *run);
void eu_run_stop(struct eu_run *run);
void eu_run_free(struct eu_run *run);

struct eu_account {
    const char *map;
    uint64_t delivered;   /* events written */
    uint64_t undecodable; /* records too short for their type */
    uint64_t lost;        /* no room: counted by the object, else what the kernel says of perf buffers */
    uint64_t produced;    /* calls that were to produce a record */
    uint64_t discarded;   /* reserved and given back */
    int kind;             /* of the plan: 1 ring, 2 perf, 3 sampled map */
    int known;            /* 1: the object counts: produced and lost are all there is */
};
int eu_run_account(struct eu_run *run, int source, struct eu_account *account);

/* Records of one ring or perf buffer for Python. */
struct eu_reader;
struct eu_reader *eu_reader_new(struct eu_object *object, int map, int perf_pages);
int eu_reader_fd(struct eu_reader *reader);                   /* pollable */
int eu_reader_wait(struct eu_reader *reader, int timeout_ms); /* 1 ready, 0 not, -EINTR */
/* Copy whole records, oldest first: record i is buffer[ends[i-1]..ends[i]] (8-byte aligned starts). Returns how many. */
long eu_reader_take(struct eu_reader *reader, void *buffer, size_t size, uint32_t *starts, uint32_t *lengths, long max);
uint64_t eu_reader_lost(struct eu_reader *reader);
void eu_reader_free(struct eu_reader *reader);

/* Symbols: the kernel's symbol of an address, or a process's; writes "name+0xoff" (or "[unknown]"), returns its length. */
long eu_symbol_kernel(uint64_t address, char *out, size_t room);
long eu_symbol_user(int pid, uint64_t address, char *out, size_t room);
#endif
