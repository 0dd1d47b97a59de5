/* The life of a guest: made, run, ended; and its memory. */
#define _GNU_SOURCE
#include "guest.h"
#include "error.h"
#include "guest_control.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void init_control(struct eu_guest *guest) {
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&guest->lock, NULL);
    pthread_cond_init(&guest->rested, &clock);
    pthread_condattr_destroy(&clock);
}

struct eu_guest *eu_guest_new(const void *wasm, size_t size, struct eu_guest_options *options) {
    struct eu_guest *guest = calloc(1, sizeof(*guest));
    if (!guest)
        return eu_fail_null(ENOMEM, "make a guest: out of memory");
    init_control(guest);
    guest->options = options;
    guest->engine = &eu_wasmtime_calls;
    guest->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (guest->wake_fd < 0)
        eu_fail(errno, "make a guest: %s", eu_reason(errno));
    else if ((guest->instance = eu_wasmtime_open(guest, wasm, size)) && (guest->wasi = eu_wasi_open(guest)))
        return guest;
    eu_guest_free(guest);
    return NULL;
}

static void let_go(struct eu_guest *guest) {
    struct eu_guest_objects *objects = guest->objects;
    guest->objects = NULL;
    if (objects)
        eu_guest_objects_close(objects);
}

void eu_guest_free(struct eu_guest *guest) {
    if (!guest)
        return;
    eu_guest_stop_watchdog(guest);
    let_go(guest);
    if (guest->wasi)
        eu_wasi_close(guest->wasi);
    if (guest->instance)
        guest->engine->close(guest->instance);
    if (guest->wake_fd >= 0)
        close(guest->wake_fd);
    pthread_cond_destroy(&guest->rested);
    pthread_mutex_destroy(&guest->lock);
    free(guest->detail);
    free(guest);
}

int eu_guest_end(struct eu_guest *guest, enum eu_ending ending, const char *format, ...) {
    va_list args;
    if (guest->ending != EU_RUNNING)
        return EU_STOP;
    guest->ending = ending;
    va_start(args, format);
    vsnprintf(guest->text, sizeof(guest->text), format, args);
    va_end(args);
    for (char *c = guest->text; *c; c++) /* one line, and no escapes to a terminal */
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = *c == '\n' || *c == '\t' ? ' ' : '?';
    for (size_t end = strlen(guest->text); end && guest->text[end - 1] == ' ';)
        guest->text[--end] = 0;
    return EU_STOP;
}

int eu_guest_fail(struct eu_guest *guest, const char *text) {
    return eu_guest_end(guest, EU_FAILED, "%s", text);
}

int eu_guest_start(struct eu_guest *guest) {
    if (guest->started)
        return eu_fail(EALREADY, "start a guest: it was started already");
    guest->started = 1;
    eu_guest_begin(guest);
    if (eu_guest_checkpoint(guest) == EU_GO && guest->engine->start(guest->instance) == EU_GO)
        return 0;
    eu_guest_over(guest);
    return eu_fail(ECANCELED, "%s", guest->text);
}

static void enter(struct eu_guest *guest) {
    struct eu_callee callee;
    union eu_slot slots[1];
    if (eu_guest_start(guest))
        return;
    if (guest->engine->exported(guest->instance, "bpf_main", "ii:i", &callee) == 0) {
        if (eu_ewasm_main(guest) == EU_GO) /* before _start, which some linkers give such a guest too: it has no main() */
            eu_guest_end(guest, EU_EXITED, "%s", "");
    } else if (guest->engine->exported(guest->instance, "_start", ":", &callee) == 0) {
        if (guest->engine->call(guest->instance, &callee, slots) == EU_GO)
            eu_guest_end(guest, EU_RETURNED, "%s", "");
    } else {
        eu_guest_end(guest, EU_FAILED, "the module exports neither _start () nor, as those of 2022 do, bpf_main (i32, i32) -> i32");
    }
}

int eu_guest_run(struct eu_guest *guest) {
    if (guest->started)
        return eu_fail(EALREADY, "run a guest: it was started already");
    if (!guest->engine->exports(guest->instance, "_start") && !guest->engine->exports(guest->instance, "bpf_main"))
        eu_guest_end(guest, EU_FAILED,
                     guest->engine->exports(guest->instance, "event_buffer")
                         ? "the module is a guest of events, which a tool's output goes through [ecli run --guest FILE TOOL]"
                         : "the module exports no function _start (build a WASI command, not a library or reactor)");
    else
        enter(guest);
    eu_guest_over(guest);
    return guest->ending;
}

int eu_guest_call(struct eu_guest *guest, const char *name, const char *type, uint64_t *slots) {
    struct eu_callee callee;
    int err = guest->ending == EU_RUNNING ? guest->engine->exported(guest->instance, name, type, &callee) : -ECANCELED;
    if (err)
        return eu_fail(-err,
                       err == -ECANCELED ? "call %s: the guest ended"
                       : err == -ENOENT  ? "the module exports no function %s"
                                         : "%s has another type",
                       name);
    if (guest->engine->call(guest->instance, &callee, (union eu_slot *)slots) == EU_GO)
        return 0;
    eu_guest_over(guest);
    return eu_fail(ECANCELED, "%s", guest->text);
}

int eu_guest_ending(const struct eu_guest *guest) {
    return guest->ending;
}

int eu_guest_exit_code(const struct eu_guest *guest) {
    return guest->exit_code;
}

const char *eu_guest_text(const struct eu_guest *guest) {
    return guest->text;
}

const char *eu_guest_detail(const struct eu_guest *guest) {
    return guest->detail ? guest->detail : "";
}

uint8_t *eu_guest_memory(struct eu_guest *guest, uint64_t *size) {
    return guest->engine->memory(guest->instance, size);
}

uint8_t *eu_guest_bytes(struct eu_guest *guest, uint32_t at, uint64_t size) {
    uint64_t all;
    uint8_t *memory = guest->engine->memory(guest->instance, &all);
    return memory && size <= all && at <= all - size ? memory + at : NULL;
}

long eu_guest_string(struct eu_guest *guest, uint32_t at, char *out, size_t room) {
    uint64_t all;
    const uint8_t *memory = guest->engine->memory(guest->instance, &all);
    if (!memory || at >= all)
        return -EFAULT;
    size_t most = all - at < room ? all - at : room, size = strnlen((const char *)memory + at, most);
    if (size == most)
        return most == room ? -ENAMETOOLONG : -EFAULT;
    memcpy(out, memory + at, size);
    out[size] = 0; /* in the memory it may be gone: a map is there, and a program writes to it */
    return (long)size;
}
