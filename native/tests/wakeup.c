/* The wake-up protocol under stress: lone events with random gaps from a process on each CPU, and a reader that may be killed and
 * replaced at any moment. After each stretch the producers are silent until the ring is empty: a reader that sleeps in spite of a record
 * would leave it there.
 *
 *   wakeup OBJECT EVENTS SECONDS [KILL_MS]    KILL_MS: kill the reader after random times up to that, 0: never
 *
 * Prints one line of JSON; exits 1 where a record stayed or was lost. The reader has no timer that would find what it was not woken for
 * (EU_STRESS), pauses at random before and after it announces its sleep and looks, and runs with real-time priority; so does a process that
 * only naps, which shows how late the machine itself is. A reader that was just started is late from its start on.
 */
#define _GNU_SOURCE
#include "../wakeup.h"
#include "../accounting.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SUBMIT = 1000, OUTPUT, DISCARD, PRODUCERS = 2, LEVELS = 6, READER = -1, CONTROL = -2 };
/* Bursts that make the reader poll, with gaps such that it often goes to sleep just when the next one comes. */
enum { BURSTS = 6, BURST = 20 };
static const uint64_t levels[LEVELS] = {1000000, 2000000, 5000000, 20000000, 100000000, 1000000000}; /* ns */

struct shared {
    uint64_t produced, seen, late[LEVELS + 1], worst;
    uint64_t stretches, kept[LEVELS + 1], longest; /* until the ring was empty */
    uint64_t naps[LEVELS + 1], longest_nap;        /* of a process that only naps: how late the machine is */
    uint64_t rounds, sleeps, kills, reader_since;
    uint32_t arrived, generation, stop, stuck;
};
static struct shared *shared;
static struct eu_buffer *ring;
static uint64_t events, until;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void note(uint64_t *counts, uint64_t *most, uint64_t lag) {
    int level = 0;
    while (level < LEVELS && lag > levels[level])
        level++;
    counts[level]++;
    *most = lag > *most ? lag : *most;
}

static int take(void *context, const uint8_t *record, size_t size) {
    uint64_t ts, since = shared->reader_since;
    memcpy(&ts, record, sizeof(ts));
    ts = ts < since ? since : ts;
    uint64_t read = now();
    note(shared->late, &shared->worst, read > ts ? read - ts : 0);
    shared->seen++;
    return 0;
}

static void reader(struct eu_object *object) {
    struct sched_param priority = {.sched_priority = 1};
    struct epoll_event event;
    struct eu_waiter waiter;
    int map = eu_map_find(object, "events"), epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    sched_setscheduler(0, SCHED_FIFO, &priority);
    struct eu_buffer *buffer = eu_buffer_open(object, map, 0);
    eu_waiter_open(&waiter, object, EU_ADAPTIVE);
    if (!buffer || eu_waiter_add(&waiter, buffer, epoll_fd, 0))
        _exit(2);
    __atomic_store_n(&shared->reader_since, now(), __ATOMIC_SEQ_CST);
    for (;;) {
        shared->sleeps += !waiter.polls;
        shared->rounds++;
        eu_waiter_wait(&waiter, epoll_fd, &event, 1, -1);
        uint64_t before = eu_buffer_taken(buffer);
        size_t bytes = eu_buffer_consume(buffer, 256 << 10, take, NULL);
        eu_waiter_round(&waiter, eu_buffer_taken(buffer) - before, bytes >= eu_buffer_size(buffer) / 8);
    }
}

/* How late the machine itself is: a process with the reader's priority that only naps. */
static void control(void) {
    struct sched_param priority = {.sched_priority = 1};
    struct timespec nap = {0, 500000};
    sched_setscheduler(0, SCHED_FIFO, &priority);
    while (!__atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST)) {
        uint64_t start = now();
        nanosleep(&nap, NULL);
        uint64_t took = now() - start;
        note(shared->naps, &shared->longest_nap, took > 500000 ? took - 500000 : 0);
    }
    _exit(0);
}

static void gap(uint64_t ns) {
    uint64_t start = now();
    if (ns > 100000) {
        struct timespec time = {0, (long)ns};
        nanosleep(&time, NULL);
    } else {
        while (now() - start < ns) {
        }
    }
}

/* Wait until the ring is empty, and note how long that took from when both the last record and a reader were there. */
static void check_empty(void) {
    uint64_t start = now(), at = start, since;
    while (eu_buffer_state(ring) != EU_EMPTY) {
        at = now();
        since = __atomic_load_n(&shared->reader_since, __ATOMIC_SEQ_CST);
        if (at - (since > start ? since : start) > 3000000000u && since) {
            shared->stuck = 1;
            break;
        }
        usleep(50);
    }
    since = __atomic_load_n(&shared->reader_since, __ATOMIC_SEQ_CST);
    start = since > start ? since : start;
    note(shared->kept, &shared->longest, at > start ? at - start : 0);
    shared->stretches++;
}

/* All producers are here; the last one checks. */
static void meet(void) {
    uint32_t generation = __atomic_load_n(&shared->generation, __ATOMIC_SEQ_CST);
    if (__atomic_add_fetch(&shared->arrived, 1, __ATOMIC_SEQ_CST) < PRODUCERS) {
        while (__atomic_load_n(&shared->generation, __ATOMIC_SEQ_CST) == generation)
            usleep(50);
        return;
    }
    check_empty();
    shared->stop |= shared->stuck || shared->produced >= events || now() > until;
    shared->arrived = 0;
    __atomic_add_fetch(&shared->generation, 1, __ATOMIC_SEQ_CST);
}

static void producer(int number) {
    static const unsigned most[] = {0, 2000, 20000, 60000, 200000, 1000000, 2500000}; /* ns between events */
    static const unsigned count[] = {2000, 2000, 1500, 800, 60, 6, 3};
    unsigned seed = (unsigned)(now() ^ (unsigned)getpid());
    pid_t target = getppid();
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET(number, &cpu);
    sched_setaffinity(0, sizeof(cpu), &cpu);
    prctl(PR_SET_TIMERSLACK, 1);
    while (!shared->stop) {
        int kind = rand_r(&seed) % 7;
        int n = 1 + rand_r(&seed) % count[kind];
        for (int i = 0; i < n; i++) {
            for (int more = 0; kind == BURSTS && more < BURST; more++)
                kill(target, SUBMIT);
            int which = rand_r(&seed) % 16;
            kill(target, which == 0 ? DISCARD : which < 6 ? OUTPUT : SUBMIT);
            if (most[kind])
                gap(rand_r(&seed) % most[kind]);
        }
        __atomic_add_fetch(&shared->produced, (uint64_t)(kind == BURSTS ? (BURST + 1) * n : n), __ATOMIC_RELAXED);
        meet();
    }
    _exit(0);
}

static struct eu_object *load(const char *path) {
    struct eu_open_options options = {.name = "wakeup"};
    struct stat size;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &size))
        return NULL;
    void *image = mmap(NULL, (size_t)size.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    struct eu_object *object = eu_open(image, (size_t)size.st_size, &options);
    struct eu_attach_options attach = {.old_prog_fd = -1, .perf_type = -1, .pid = -1, .cpu = -1};
    int target = getpid();
    if (!object || eu_map_write_initial(object, eu_map_find(object, "wakeup.rodata"), 0, &target, sizeof(target)) || eu_load(object) ||
        eu_prog_attach(object, 0, &attach))
        return NULL;
    return object;
}

static pid_t spawn(struct eu_object *object, int number) {
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (number == CONTROL)
        control();
    if (number == READER)
        reader(object);
    producer(number);
    return 0;
}

/* Kill the reader now and then, until the producers are done. */
static void supervise(struct eu_object *object, unsigned kill_ms) {
    unsigned seed = (unsigned)now();
    pid_t pid = spawn(object, READER);
    int status;
    while (!__atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST)) {
        usleep(kill_ms ? 1000 * (1 + rand_r(&seed) % kill_ms) : 10000);
        if (!kill_ms || shared->stop)
            continue;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        __atomic_store_n(&shared->reader_since, 0, __ATOMIC_SEQ_CST); /* nobody reads */
        shared->kills++;
        pid = spawn(object, READER);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
}

static void print_levels(const char *name, const uint64_t *counts, uint64_t most) {
    printf(",\"%s\":{", name);
    for (int i = 0; i < LEVELS; i++)
        printf("\"over_%llu_ms\":%llu,", (unsigned long long)levels[i] / 1000000, ({
                   unsigned long long over = 0;
                   for (int j = i + 1; j <= LEVELS; j++)
                       over += counts[j];
                   over;
               }));
    printf("\"worst_ms\":%.3f}", (double)most / 1e6);
}

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    struct eu_object *object = load(argv[1]);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ring = object ? eu_buffer_open(object, eu_map_find(object, "events"), 0) : NULL;
    if (!ring) {
        fprintf(stderr, "wakeup: %s\n", eu_error());
        return 2;
    }
    events = strtoull(argv[2], NULL, 10);
    until = now() + (uint64_t)(atof(argv[3]) * 1e9);
    pid_t others[PRODUCERS + 1];
    for (int i = 0; i < PRODUCERS; i++)
        others[i] = spawn(object, i);
    others[PRODUCERS] = spawn(object, CONTROL);
    supervise(object, argc > 4 ? (unsigned)atoi(argv[4]) : 0);
    for (int i = 0; i <= PRODUCERS; i++)
        waitpid(others[i], NULL, 0);
    struct eu_accounting *accounting = eu_accounting_open(object);
    struct eu_counts counts;
    eu_accounting_read(accounting, eu_map_find(object, "events"), &counts);
    printf("{\"produced\":%llu,\"seen\":%llu,\"stretches\":%llu,\"readers_killed\":%llu,\"rounds\":%llu,\"sleeps\":%llu,\"stuck\":%u",
           (unsigned long long)shared->produced, (unsigned long long)shared->seen, (unsigned long long)shared->stretches,
           (unsigned long long)shared->kills, (unsigned long long)shared->rounds, (unsigned long long)shared->sleeps, shared->stuck);
    printf(",\"counted\":%llu,\"lost\":%llu", (unsigned long long)counts.calls, (unsigned long long)counts.failures);
    print_levels("late", shared->late, shared->worst);
    print_levels("kept", shared->kept, shared->longest);
    print_levels("machine", shared->naps, shared->longest_nap);
    printf("}\n");
    return shared->stuck || counts.failures || counts.calls != shared->produced;
}
