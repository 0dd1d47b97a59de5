/* Guests between the filter and the output of a run: they are given batches of records, and drop, change, enrich or add some.
 * chain.c (batches, in the pipeline), chain_deliver.c (what comes out), sieve.c (one guest), sieve_calls.c (what it imports). */
#ifndef EUNOMIA_CHAIN_H
#define EUNOMIA_CHAIN_H
#include "guest.h"
#include "out.h"

struct eu_run;
/* A record on its way through the guests, or text that one of them printed. */
struct eu_item {
    uint32_t source, type;
    uint32_t size;
    uint8_t is_text, is_added;
    uint64_t now;             /* of a replay: the time of the record */
    size_t at;                /* its bytes in the batch */
    size_t members, nr_bytes; /* what was added to it: JSON members, in the batch; 0 bytes: nothing */
    struct eu_sieve *whose;   /* text's */
    uint32_t before;          /* while a guest runs: the event that it stands before */
};
/* Items, oldest first, and their bytes. */
struct eu_batch {
    struct eu_item *items;
    size_t count, room;
    struct eu_out bytes;
    int failed; /* out of memory */
};
struct eu_item *eu_batch_add(struct eu_batch *batch, const struct eu_item *item, const void *bytes);

enum { SIEVE_DROP, SIEVE_PASS, SIEVE_CHANGED };
enum { SIEVE_BYTES = 64 << 10 /* of a batch */, SIEVE_RECORD = 16 /* a record's head in it */ };

struct eu_sieve {
    char name[64];
    struct eu_guest_options options;
    struct eu_guest_function *functions; /* the caller's and ours */
    struct eu_guest *guest;
    struct eu_run *run; /* that it belongs to */
    struct eu_sieve_counts counts;
    int out; /* memfd: what it prints */
    uint64_t printed;
    uint32_t interval_ms;
    uint32_t buffer, room; /* in the guest */
    struct eu_callee on_event, on_batch, on_interval, on_end, event_buffer;
    int has_event, has_batch, has_interval, has_end;
    /* while it runs */
    const struct eu_batch *in;
    uint32_t given;          /* events */
    size_t done;             /* items of `in` that are judged */
    struct eu_batch more;    /* what it adds and prints, by `before` */
    struct eu_batch members; /* what it adds to events, by `before` */
    size_t spoken_item;      /* the item of `in` that is the event which it spoke of last */
    uint32_t spoken;
};

/* sieve.c */
int eu_sieve_start(struct eu_sieve *sieve, struct eu_run *run);
/* Everything of `in` that is left goes to `out`. 0, or -errno when the guest failed. */
int eu_sieve_pass(struct eu_sieve *sieve, const struct eu_batch *in, struct eu_batch *out);
/* on_interval, on_end: what they add goes to `out`. */
int eu_sieve_call(struct eu_sieve *sieve, const struct eu_callee *callee, struct eu_batch *out);
/* sieve_calls.c: the functions that guests of events can import, module NULL ends them; a guest gets these and the caller's. */
extern const struct eu_guest_function eu_sieve_functions[];
int eu_sieve_use_functions(struct eu_sieve *sieve, const struct eu_guest_function *given);

/* chain.c */
struct eu_chain;
struct eu_chain *eu_chain_new(struct eu_run *run, struct eu_sieve **sieves, int count);
void eu_chain_free(struct eu_chain *chain);
int eu_chain_start(struct eu_chain *chain);
/* A record that passed all filters. */
void eu_chain_add(struct eu_chain *chain, uint32_t source, uint32_t type, const uint8_t *record, size_t size);
/* What gathered goes through the guests and on. */
void eu_chain_flush(struct eu_chain *chain);
/* The time of on_interval has come, or that of on_end. */
void eu_chain_interval(struct eu_chain *chain);
void eu_chain_end(struct eu_chain *chain);
/* The run begins: intervals count from now on. */
int eu_chain_watch(struct eu_chain *chain);
/* chain_deliver.c */
void eu_chain_deliver(struct eu_run *run, const struct eu_batch *batch);
/* What guests added to the event whose line the output ends with. */
void eu_chain_members(struct eu_run *run, const char *members, size_t size);
#endif
