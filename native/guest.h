/* A guest while it runs: what the parts of the Wasm host share. guest.c (life and control), guest_objects.c, guest_attach.c,
 * guest_maps.c, guest_poll.c (the interface of docs/reference/wasm-interface.md), wasi_*.c (WASI preview 1). */
#ifndef EUNOMIA_GUEST_H
#define EUNOMIA_GUEST_H
#include "engine.h"
#include "eunomia.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

struct eu_guest {
    const struct eu_engine *engine;
    struct eu_instance *instance;
    struct eu_guest_options *options; /* api_guest.h, as enum eu_ending */
    enum eu_ending ending;
    int exit_code;
    char text[512];                   /* of a trap or failure, one line */
    struct eu_guest_objects *objects; /* guest_objects.c: handles, descriptors, links, buffers; freed by it */
    struct eu_wasi *wasi;             /* wasi.c */
    /* control, from any thread */
    atomic_int wanted; /* EU_WANT_* */
    atomic_int signal; /* that came and was not taken, 0: none */
    int takes_signals; /* the module imports wasm_bpf_take_signal */
    int wake_fd;       /* eventfd: a wait ends at once */
    uint64_t deadline; /* CLOCK_MONOTONIC nanoseconds, 0: none */
    int has_grace;     /* the deadline was moved once, for a guest that takes signals */
    /* guest.c's and guest_control.c's own */
    char *detail;
    int started;
    atomic_int signals, told; /* that came; whether a wait has told of the last one */
    pthread_mutex_t lock;
    pthread_cond_t rested; /* changes of the next three */
    int resting;           /* it stands in a checkpoint */
    atomic_int running;    /* its code may run */
    atomic_int over;       /* it will not run again */
    pthread_t thread, watchdog;
    int has_watchdog;
};
enum { EU_WANT_RUN, EU_WANT_PAUSE, EU_WANT_END };

/* guest.c */
/* The guest's bytes [at, at + size), NULL where they are not all within its memory. Valid until the guest runs again. */
uint8_t *eu_guest_bytes(struct eu_guest *guest, uint32_t at, uint64_t size);
/* A string of the guest of at most `room` - 1 bytes, copied: its length, or -EFAULT, -ENAMETOOLONG. */
long eu_guest_string(struct eu_guest *guest, uint32_t at, char *out, size_t room);
/* End the guest from within a function of the host: sets the ending and returns EU_STOP. */
int eu_guest_end(struct eu_guest *guest, enum eu_ending ending, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Stay here while paused; EU_STOP when it shall end or its time is up. Called by the engine's interruption, and by every wait. */
int eu_guest_checkpoint(struct eu_guest *guest);
/* poll(2) that pause, termination, the deadline and signals interrupt. timeout in nanoseconds, negative: none.
 * *result: number of ready descriptors, 0 time is up, -EINTR a signal came for a guest that takes them. Returns EU_GO or EU_STOP. */
int eu_guest_wait(struct eu_guest *guest, struct pollfd *fds, int count, int64_t timeout, int *result);

/* The engine's: compile and link; NULL with eu_error(). */
struct eu_instance *eu_wasmtime_open(struct eu_guest *guest, const void *wasm, size_t size);
extern const struct eu_engine eu_wasmtime_calls;
/* guest_ewasm.c: run a guest of 2022 by its bpf_main: EU_GO with guest->exit_code, or EU_STOP. */
int eu_ewasm_main(struct eu_guest *guest);

/* The functions of the host, each list ends with a NULL name. */
extern const struct eu_host_function eu_bpf_functions[]; /* guest_functions.c: wasm_bpf, env, callback-wrapper */
extern const struct eu_host_function eu_wasi_functions[];
struct eu_wasi *eu_wasi_open(struct eu_guest *guest); /* by guest->options; NULL with eu_error() */
void eu_wasi_close(struct eu_wasi *wasi);
/* The host's descriptor of a preopened directory by the guest's number, or -EBADF. */
int eu_wasi_preopen(struct eu_wasi *wasi, uint32_t fd);
/* guest_losses.c: all that its buffers lost; before it is over. */
void eu_guest_all_lost(struct eu_guest *guest);
void eu_guest_objects_close(struct eu_guest_objects *objects);
#endif
