/* Pausing, ending and waking a guest, from any thread. What is wanted of it is one atomic; running code comes to a checkpoint because the
 * engine is interrupted, waiting code because the eventfd becomes readable. */
#define _GNU_SOURCE
#include "guest_control.h"
#include "error.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NEW, RUNS, PAUSED, OVER };
enum { NUDGES = 50, NUDGE_NS = 1000000 };
static const uint64_t SECOND = 1000000000, GRACE = 2000000000; /* from the end of its time, for a guest that takes signals */

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static struct timespec time_of(uint64_t ns) {
    return (struct timespec){ns / SECOND, ns % SECOND};
}

static void wake(struct eu_guest *guest) {
    uint64_t one = 1;
    if (write(guest->wake_fd, &one, sizeof(one)) < 0) {
        /* it is readable already */
    }
}

/* Have the guest see what is wanted. An interruption can come just when it leaves a checkpoint, and be lost: so this is done again until
 * the guest stands still, a millisecond at a time. */
static void nudge(struct eu_guest *guest) {
    wake(guest);
    pthread_mutex_lock(&guest->lock);
    for (int i = 0; i < NUDGES && guest->running && !guest->resting && !pthread_equal(guest->thread, pthread_self()); i++) {
        struct timespec until = time_of(now_ns() + NUDGE_NS);
        guest->engine->interrupt(guest->instance);
        pthread_cond_timedwait(&guest->rested, &guest->lock, &until);
    }
    pthread_mutex_unlock(&guest->lock);
}

static void *watch(void *data) {
    struct eu_guest *guest = data;
    struct timespec until = time_of(guest->deadline);
    pthread_mutex_lock(&guest->lock);
    while (guest->running && pthread_cond_timedwait(&guest->rested, &guest->lock, &until) != ETIMEDOUT) {
    }
    while (guest->running) { /* its checkpoint reads the clock; lost interruptions as above */
        until = time_of(now_ns() + NUDGE_NS * 10);
        guest->engine->interrupt(guest->instance);
        pthread_cond_timedwait(&guest->rested, &guest->lock, &until);
    }
    pthread_mutex_unlock(&guest->lock);
    return NULL;
}

static int start_watchdog(struct eu_guest *guest) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the threads that know them */
    int err = pthread_create(&guest->watchdog, NULL, watch, guest);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    guest->has_watchdog = !err;
    return err;
}

/* Whether this thread's stack has room for the guest's and for what host functions need below it. */
static int has_stack(uint64_t wanted) {
    enum { HOSTS = 256 << 10 };
    pthread_attr_t attributes;
    struct rlimit limit;
    void *low = NULL;
    size_t size = SIZE_MAX;
    if (syscall(SYS_gettid) == getpid()) { /* glibc would read all of /proc/self/maps to tell about the first thread */
        if (!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur != RLIM_INFINITY)
            size = limit.rlim_cur;
        return size / 4 * 3 >= wanted + HOSTS;
    }
    if (pthread_getattr_np(pthread_self(), &attributes))
        return 1;
    int err = pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    return err || (uintptr_t)&attributes - (uintptr_t)low >= wanted + HOSTS;
}

void eu_guest_begin(struct eu_guest *guest) {
    int err = 0;
    uint64_t stack = guest->options->stack ? guest->options->stack : EU_GUEST_STACK;
    pthread_mutex_lock(&guest->lock);
    guest->thread = pthread_self();
    guest->running = 1;
    if (guest->options->duration) {
        guest->deadline = now_ns() + guest->options->duration;
        err = start_watchdog(guest);
    }
    pthread_mutex_unlock(&guest->lock);
    if (err)
        eu_guest_end(guest, EU_FAILED, "start the clock of a guest: %s", eu_reason(err));
    else if (!has_stack(stack))
        eu_guest_end(guest, EU_FAILED, "its stack of %llu bytes has no room on the stack of this thread (ulimit -s, threading.stack_size)",
                     (unsigned long long)stack);
}

void eu_guest_over(struct eu_guest *guest) {
    eu_guest_all_lost(guest);
    pthread_mutex_lock(&guest->lock);
    guest->running = 0;
    guest->over = 1;
    pthread_cond_broadcast(&guest->rested);
    pthread_mutex_unlock(&guest->lock);
    eu_guest_stop_watchdog(guest);
}

void eu_guest_stop_watchdog(struct eu_guest *guest) {
    if (!guest->has_watchdog)
        return;
    pthread_mutex_lock(&guest->lock);
    guest->running = 0;
    pthread_cond_broadcast(&guest->rested);
    pthread_mutex_unlock(&guest->lock);
    pthread_join(guest->watchdog, NULL);
    guest->has_watchdog = 0;
}

static int want(struct eu_guest *guest, int wanted) {
    int before = atomic_load(&guest->wanted);
    do {
        if (guest->over)
            return eu_fail(ESRCH, "the guest ended already");
        if (before == wanted || before == EU_WANT_END) {
            nudge(guest);
            return -EALREADY;
        }
    } while (!atomic_compare_exchange_weak(&guest->wanted, &before, wanted));
    nudge(guest);
    return 0;
}

int eu_guest_pause(struct eu_guest *guest) {
    return want(guest, EU_WANT_PAUSE);
}

int eu_guest_terminate(struct eu_guest *guest) {
    return want(guest, EU_WANT_END);
}

int eu_guest_resume(struct eu_guest *guest) {
    int paused = EU_WANT_PAUSE;
    if (guest->over)
        return eu_fail(ESRCH, "the guest ended already");
    if (!atomic_compare_exchange_strong(&guest->wanted, &paused, EU_WANT_RUN))
        return -EALREADY;
    wake(guest);
    return 0;
}

int eu_guest_state(struct eu_guest *guest) {
    int wanted = atomic_load(&guest->wanted);
    return guest->over ? OVER : wanted == EU_WANT_PAUSE ? PAUSED : guest->running ? RUNS : NEW;
}

void eu_guest_signal(struct eu_guest *guest, int number) {
    int keep = errno;
    if (atomic_fetch_add(&guest->signals, 1) || !guest->takes_signals)
        atomic_store(&guest->wanted, EU_WANT_END);
    atomic_store(&guest->told, 0);
    atomic_store(&guest->signal, number);
    wake(guest);
    guest->engine->interrupt(guest->instance);
    errno = keep;
}

enum { TAKEN = 3 };
static const int numbers[TAKEN] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction handlers[TAKEN];
static struct eu_guest *_Atomic receiver;
static atomic_int telling; /* threads in on_signal(): the guest is not freed under them */

static void on_signal(int number) {
    atomic_fetch_add(&telling, 1);
    struct eu_guest *guest = atomic_load(&receiver);
    if (guest)
        eu_guest_signal(guest, number);
    atomic_fetch_sub(&telling, 1);
}

static void quit(int number) {
    (void)number;
    _exit(0);
}

void eu_guest_await_signals(void) {
    for (int i = 0; i < TAKEN; i++) {
        struct sigaction action = {.sa_handler = quit}, before;
        if (!sigaction(numbers[i], NULL, &before) && (before.sa_handler != SIG_IGN || numbers[i] != SIGHUP))
            sigaction(numbers[i], &action, NULL);
    }
}

int eu_guest_take_signals(struct eu_guest *guest) {
    struct eu_guest *before = atomic_load(&receiver);
    if (guest && before)
        return eu_fail(EBUSY, "take signals: another guest has them");
    for (int i = 0; i < TAKEN && guest; i++) {
        struct sigaction action = {.sa_handler = on_signal};
        sigaction(numbers[i], NULL, &handlers[i]);
        if (handlers[i].sa_handler == SIG_IGN && numbers[i] == SIGHUP) /* nohup */
            continue;
        atomic_store(&receiver, guest);
        sigaction(numbers[i], &action, NULL);
    }
    for (int i = 0; i < TAKEN && before && !guest; i++)
        sigaction(numbers[i], &handlers[i], NULL);
    if (!guest)
        atomic_store(&receiver, NULL);
    while (!guest && atomic_load(&telling))
        sched_yield();
    return 0;
}

static void set_resting(struct eu_guest *guest, int resting) {
    pthread_mutex_lock(&guest->lock);
    guest->resting = resting;
    pthread_cond_broadcast(&guest->rested);
    pthread_mutex_unlock(&guest->lock);
}

static void drain(struct eu_guest *guest) {
    uint64_t times;
    if (read(guest->wake_fd, &times, sizeof(times)) < 0) {
        /* somebody else was faster */
    }
}

/* The time until the deadline for ppoll(2), NULL: there is none. */
static struct timespec *until_deadline(const struct eu_guest *guest, struct timespec *room) {
    uint64_t now = now_ns();
    if (!guest->deadline)
        return NULL;
    *room = time_of(guest->deadline > now ? guest->deadline - now : 0);
    return room;
}

/* Whether its time is over. A guest that takes signals is told once, as by Ctrl-C, and gets some more to say what it has found. */
static int is_late(struct eu_guest *guest, int wanted) {
    if (!guest->deadline || now_ns() < guest->deadline)
        return 0;
    if (!guest->takes_signals || guest->has_grace || wanted == EU_WANT_PAUSE)
        return 1;
    guest->has_grace = 1;
    guest->deadline = now_ns() + GRACE;
    if (!atomic_load(&guest->signals))
        eu_guest_signal(guest, SIGINT);
    return 0;
}

/* What the guest may do now: 1 go on, 0 stay, -1 end. */
static int verdict(struct eu_guest *guest) {
    int wanted = atomic_load(&guest->wanted);
    if (guest->ending == EU_RUNNING && wanted == EU_WANT_END)
        eu_guest_end(guest, EU_TERMINATED, "%s", "");
    else if (guest->ending == EU_RUNNING && is_late(guest, wanted))
        eu_guest_end(guest, EU_TIMED_OUT, "%s", "");
    return guest->ending != EU_RUNNING ? -1 : wanted != EU_WANT_PAUSE;
}

int eu_guest_checkpoint(struct eu_guest *guest) {
    int may;
    while ((may = verdict(guest)) == 0) {
        struct timespec room;
        struct pollfd woken = {guest->wake_fd, POLLIN, 0};
        set_resting(guest, 1);
        while (atomic_load(&guest->wanted) == EU_WANT_PAUSE && (!guest->deadline || now_ns() < guest->deadline)) {
            ppoll(&woken, 1, until_deadline(guest, &room), NULL);
            drain(guest);
        }
        set_resting(guest, 0); /* and only then look again: who paused it in between saw it resting, and did not interrupt it */
    }
    if (may < 0)
        set_resting(guest, 1);
    return may < 0 ? EU_STOP : EU_GO;
}

/* Whether a wait must tell of a signal: once for each that came. */
static int must_tell(struct eu_guest *guest) {
    return guest->takes_signals && atomic_load(&guest->signal) && !atomic_exchange(&guest->told, 1);
}

/* Wait once: until something is ready, somebody woke us, or the time is up. -1: woken. */
static int wait_once(struct eu_guest *guest, struct pollfd *all, int count, uint64_t end) {
    struct timespec room;
    uint64_t until = guest->deadline && guest->deadline < end ? guest->deadline : end, now = until == UINT64_MAX ? 0 : now_ns();
    room = time_of(until > now ? until - now : 0);
    int ready = ppoll(all, count + 1, until == UINT64_MAX ? NULL : &room, NULL);
    if (ready < 0 || all[count].revents) {
        drain(guest);
        return ready < 0 || ready == 1 ? -1 : ready - 1;
    }
    return ready || until == end ? ready : -1;
}

int eu_guest_wait(struct eu_guest *guest, struct pollfd *fds, int count, int64_t timeout, int *result) {
    struct pollfd few[17], *all = count < 17 ? few : malloc((count + 1) * sizeof(*all));
    uint64_t start = timeout > 0 ? now_ns() : 0, end = timeout < 0 ? UINT64_MAX : start + timeout;
    int stop, ready = -1;
    if (!all)
        return eu_guest_end(guest, EU_FAILED, "wait: out of memory");
    if (count)
        memcpy(all, fds, count * sizeof(*all));
    all[count] = (struct pollfd){guest->wake_fd, POLLIN, 0};
    while (!(stop = eu_guest_checkpoint(guest)) && ready < 0) {
        if (must_tell(guest)) {
            ready = -EINTR;
            break;
        }
        ready = wait_once(guest, all, count, end);
    }
    for (int i = 0; i < count; i++)
        fds[i].revents = all[i].revents;
    if (all != few)
        free(all);
    if (!stop)
        guest->engine->refuel(guest->instance);
    *result = ready;
    return stop;
}
