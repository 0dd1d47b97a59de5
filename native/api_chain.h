#ifndef API_CHAIN_H
#define API_CHAIN_H
/* Guests between the events of a run and its output: docs/reference/wasm-interface.md, "Guests of packages". */
struct eu_sieve;
struct eu_guest_options;
/* Compile a guest of events; NULL and eu_error() where it is none. Options say where the engine and its cache are and what the guest may
 * have; they are copied, what they point to must stay. It runs in the thread of the run's loop, and in one run only. */
struct eu_sieve *eu_sieve_new(const char *name, const void *wasm, size_t size, const struct eu_guest_options *options);
void eu_sieve_free(struct eu_sieve *sieve);
struct eu_sieve_counts {
    uint64_t events;      /* that it was given */
    uint64_t dropped;     /* of these; they are `filtered` in the accounts */
    uint64_t changed;     /* of `passed` */
    uint64_t added;       /* events of its own: in no account */
    uint64_t passed;      /* of its events: went on to the next, changed or not */
    uint64_t first, last; /* it failed in one of these of its events, counted from 1; 0: in none */
    int has_failed;
};
void eu_sieve_tell(const struct eu_sieve *sieve, struct eu_sieve_counts *counts);
const char *eu_sieve_detail(const struct eu_sieve *sieve); /* where it trapped, or "" */
#endif
