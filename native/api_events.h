#ifndef API_EVENTS_H
#define API_EVENTS_H
/* From records to output. A plan (docs/reference/plan.md, plan.h) says what the records of each source look like. */
struct eu_object;
struct eu_recorder;

struct eu_plan;
/* Check and copy a plan; NULL and eu_error() when it is damaged. */
struct eu_plan *eu_plan_read(const void *bytes, size_t size);
void eu_plan_free(struct eu_plan *plan);
int eu_plan_sources(const struct eu_plan *plan);

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
    const char *fields; /* paths joined by commas: these, in this order; NULL: all */
};
/* Render one record of a source as the loop would, without the time column and the newline at the end; returns the length,
 * or -errno: for tests and Python. */
long eu_render(struct eu_plan *plan, int source, const struct eu_format *format, const void *record, size_t size, char *out, size_t room);

/* What a run does. Strings and the filter must stay valid as long as the run. */
struct eu_run_options {
    struct eu_format format;
    int out_fd;
    double duration;     /* seconds, 0: no end */
    uint64_t max_events; /* 0: no end */
    double interval;     /* of sampling and of aggregation in seconds, 0: the plan's */
    int clear;           /* clear sampled maps after each interval: -1 as the plan says, 0 no, 1 yes */
    int perf_pages;      /* per CPU, a power of two; 0: 64 */
    int take_signals;    /* 1: SIGINT, SIGTERM and SIGHUP end the loop (handlers are put back afterwards) */
    int hold;            /* 1: the loop does not finish; its caller detaches and calls eu_run_finish */
    int trace_pipe;      /* 1: bpf_printk's lines too */
    int wakeup;          /* 0 adaptive where the object can, 1 each record, 2 batches */
    int cpu;             /* the reading thread's CPU, -1: any */
    /* which records pass, in this order */
    double drill_loss;  /* share that is dropped on purpose, 0 to 1 */
    const void *filter; /* bytecode (filter.h), NULL: all pass */
    size_t filter_size;
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
    const char *program;  /* how these lines begin: "ecli" */
};
struct eu_run;
struct eu_run *eu_run_new(struct eu_object *object, struct eu_plan *plan, const struct eu_run_options *options);
/* Read, render and write until something ends it: 0 stopped, 1 signal, 2 duration, 3 max_events, 4 output closed, or -errno. */
int eu_run_loop(struct eu_run *run);
/* Wait for programs that still run, and print what is left; returns the ending. */
int eu_run_finish(struct eu_run *run);
void eu_run_stop(struct eu_run *run);
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
    EU_DRILL,    /* dropped on purpose */
    EU_NOT_READ, /* still in a perf buffer when its reader was closed */
    EU_CAUSES
};
const char *eu_cause_name(int cause, int kind);
/* produced = delivered + filtered + discarded + the sum of lost + pending */
struct eu_account {
    const char *map;
    int kind;           /* of the plan: 1 ring, 2 perf, 3 sampled map; 4 another map that is updated */
    int known;          /* 1: the object counts what it produces; else produced and lost[EU_NO_ROOM] are a lower bound */
    uint64_t produced;  /* calls that were to produce a record */
    uint64_t delivered; /* events written, aggregated or recorded */
    uint64_t filtered;  /* left out because of a filter or --max-events */
    uint64_t discarded; /* reserved and given back by the program */
    uint64_t pending;   /* produced and not read yet */
    uint64_t lost[10];  /* enum eu_cause */
};
int eu_run_account(struct eu_run *run, int source, struct eu_account *account);

/* Records of one ring or perf buffer for Python. */
struct eu_reader;
struct eu_reader *eu_reader_new(struct eu_object *object, int map, int perf_pages);
int eu_reader_fd(struct eu_reader *reader);    /* pollable */
int eu_reader_ready(struct eu_reader *reader); /* 1: there is a record */
uint64_t eu_reader_lost(struct eu_reader *reader);
void eu_reader_free(struct eu_reader *reader);

/* Records of one type, in order. What a pointer of it points to is the caller's: eu_release(). */
struct eu_part {
    void *data;
    uint64_t used, count, stride; /* bytes; records; bytes of each, 0: starts and lengths have them */
    uint64_t *starts;             /* each at least the size of the type, zeroes behind its record */
    uint32_t *lengths;            /* of the records as they came */
};
/* Copies records apart by type: short ones filled with zeroes, padding behind them left out. Counts those without a type and
 * those that the filter drops. The plan must stay valid as long. */
struct eu_batcher;
struct eu_batcher *eu_batcher_new(struct eu_plan *plan, int source, const void *filter, size_t filter_size);
void eu_batcher_free(struct eu_batcher *batcher);
/* Collect what is in a buffer: until it holds max_records or max_bytes (one record at least). How many it holds, or -errno. */
long eu_reader_collect(struct eu_reader *reader, struct eu_batcher *batcher, size_t max_records, size_t max_bytes);
/* Collect one record that comes from elsewhere: 1, 0 counted and left out, or -errno. */
long eu_batcher_add(struct eu_batcher *batcher, const void *record, size_t size);
/* Hand over what it holds: as many parts as the source has types; *order: the part of each record, NULL where there is one type. */
long eu_batcher_take(struct eu_batcher *batcher, struct eu_part *parts, uint16_t **order);
void eu_release(void *memory);
/* `held`: taken and not given to the program yet; `dropped`: taken, and thrown away for want of room in a queue. */
void eu_reader_account(struct eu_reader *reader, const struct eu_batcher *batcher, uint64_t held, uint64_t dropped,
                       struct eu_account *account);

/* Columns out of `count` records: `stride` bytes apart, or where starts says; `offset` is within a record. */
struct eu_rows {
    const void *data;
    uint64_t count, stride;
    const uint64_t *starts; /* NULL: stride */
    const uint32_t *lengths;
};
void eu_gather(const struct eu_rows *rows, size_t offset, size_t size, void *out);
void eu_gather_bits(const struct eu_rows *rows, uint64_t bit_offset, uint32_t bit_size, int is_signed, size_t size, void *out);
void eu_gather_bitmap(const struct eu_rows *rows, size_t offset, size_t size, void *out); /* of values that are not zero */
/* UTF-8 up to the first NUL (size 0: or the end of the record), bad bytes replaced: offsets has count + 1 elements. The text's
 * length, or -errno; *text is to be released. */
long eu_gather_text(const struct eu_rows *rows, size_t offset, size_t size, int32_t *offsets, void **text);
/* Position of each number within `numbers` (ascending); returns how many are not there, whose position is -1. */
long eu_gather_codes(const struct eu_rows *rows, size_t offset, size_t size, int is_signed, const int64_t *numbers, size_t nr,
                     int32_t *out);
/* What follows a record's fixed part, in whole elements, joined: offsets has count + 1. Bytes, or -errno. */
long eu_gather_tails(const struct eu_rows *rows, size_t offset, size_t size, int32_t *offsets, void **bytes);
/* Records of many lengths to `stride` bytes each, cut or with zeroes behind them. */
void eu_gather_rows(const struct eu_rows *rows, size_t stride, void *out);
/* Whether a char array at one of these places has bytes behind its first NUL; eu_clean_text makes them zero. */
int eu_has_remains(const struct eu_rows *rows, const uint32_t *places, const uint32_t *sizes, size_t nr);
void eu_clean_text(void *data, size_t count, size_t stride, const uint32_t *places, const uint32_t *sizes, size_t nr);

/* Symbols: the kernel's symbol of an address, or a process's; writes "name+0xoff" (or "[unknown]"), returns its length. */
long eu_symbol_kernel(uint64_t address, char *out, size_t room);
long eu_symbol_user(int pid, uint64_t address, char *out, size_t room);
#endif
