/* The reader's half of the wake-up protocol (docs/reference/wakeups.md; the programs' half: eunomia_accounting.h).
 *
 * A flag in the object says how programs submit: 0 as the source says, which is mostly the kernel's rule; 1 without waking: the reader
 * looks by itself every half millisecond; 2 waking always. The kernel's rule wakes for a record that the reader had caught up with: a
 * reader that just keeps up is woken for almost each, at the traced program's cost. So under load the flag is 1.
 *
 * The trap: after one record that woke nobody, the kernel's rule never holds again, for the reader stays one record behind. So
 * nobody may sleep while such a record is there or on its way:
 *
 *   program:  reserve (the position of producers moves, the record is busy)     reader:  flag = 2
 *             read the flag                                                              full fence
 *             submit: not busy any more, wake as the flag said                           look at the position of producers
 *
 * Either the program sees that the flag is not 1 and wakes, or the reader sees that the position moved. A record that it sees keeps it
 * awake, also one that is still busy: how its program will submit it may be decided already. An output has no place to read the flag
 * between reserving and committing; it reads the flag again behind the commit, a full barrier, and where the reader went to sleep meanwhile
 * it wakes it with an empty record.
 *
 * Reserving ends with the release of a lock, which is no full barrier: the position may still sit in the CPU's store buffer while the
 * program reads the flag, until its commit at the latest, which is one. And an output may have found no
 * room for its empty record. So for a tenth of a second after polling the reader sleeps with a timer, a millisecond at first, an age for
 * a store buffer, and with flag 2: whatever comes then wakes it. After that no program of the polling time runs any more, every buffer is
 * empty, and the kernel's rule is right again: flag 0. Staying with 2 would cost a burst, or a program that runs on while the reader is
 * stopped or gets no CPU, an interrupt (microseconds) for each record, instead of one.
 *
 * epoll needs no EPOLL_CTL_MOD: the look is ours, and a wake-up between it and epoll_wait() waits in epoll's list.
 */
#define _GNU_SOURCE
#include "wakeup.h"
#include "error.h"
#include "object.h"
#include <bpf/btf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
    POLL_NS = 500000,
    BUSY_NS = 100000, /* a program reserves, fills and submits in a microsecond, unless it is interrupted */
    BATCH_MS = 50,
    MANY = 8, /* records within a millisecond: polling is cheaper for both sides */
    EMPTY_ROUNDS = 3,
    PERF_EMPTY_ROUNDS = 20, /* changing takes a system call for each CPU */
};
enum { SETTLE_NS = 100000000, FIRST_DOUBT_MS = 1, DOUBT_MS = 25 };
#ifdef EU_STRESS /* native/tests/wakeup.py: no timer repairs what must not happen, and what could come in between has time to */
enum { HAS_TIMER = 0 };
static void dawdle(void) {
    struct timespec time = {0, rand() % 300000};
    if (rand() % 2)
        nanosleep(&time, NULL);
}
#else
enum { HAS_TIMER = 1 };
static void dawdle(void) {
}
#endif
enum flag { AS_SOURCE = 0, POLLING = 1, ASLEEP = 2 };

/* An object's flag: one for each source file that was linked into it. It lives as long as the object or one of its readers. */
struct eu_wakeup {
    int users, readers, nr_flags;
    size_t size;
    void *memory;
    uint32_t **flags;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* readers, and what they write into flags */

static const char SECTION[] = ".data.eunomia", TAG[] = "eunomia:wakeup=1";

static void find_flags(struct eu_wakeup *w, const struct btf *btf, const struct btf_type *section) {
    const struct btf_var_secinfo *vars = btf_var_secinfos(section);
    for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
        const struct btf_type *type = btf__type_by_id(btf, id);
        if (!btf_is_decl_tag(type) || strcmp(btf__name_by_offset(btf, type->name_off), TAG) != 0)
            continue;
        for (int i = 0; i < btf_vlen(section); i++)
            if (vars[i].type == type->type && w->nr_flags < btf_vlen(section) && vars[i].offset % 4 == 0 && w->size >= 4 &&
                vars[i].offset <= w->size - 4)
                w->flags[w->nr_flags++] = (uint32_t *)((char *)w->memory + vars[i].offset);
    }
}

/* The object's flag, made on first use; without flags where the object or the kernel has none. Under the lock. */
static struct eu_wakeup *wakeup_of(struct eu_object *object) {
    const struct btf *btf = bpf_object__btf(object->bpf);
    int section = btf ? btf__find_by_name_kind(btf, SECTION, BTF_KIND_DATASEC) : -1;
    if (object->wakeup)
        return object->wakeup;
    struct eu_wakeup *w = object->wakeup = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->users = 1;
    if (section < 0)
        return w;
    const struct btf_type *datasec = btf__type_by_id(btf, (uint32_t)section);
    w->flags = calloc(btf_vlen(datasec) + 1, sizeof(*w->flags));
    for (int i = 0; w->flags && i < object->nr_maps && !w->memory; i++) {
        if (strcmp(bpf_map__name(object->maps[i]), SECTION) != 0)
            continue;
        w->size = bpf_map__value_size(object->maps[i]);
        w->memory = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(object->maps[i]), 0);
        if (w->memory == MAP_FAILED)
            w->memory = NULL;
    }
    if (w->memory)
        find_flags(w, btf, datasec);
    return w;
}

/* libbpf asks for memory that can be mapped only where a section has variables that are not static. */
void eu_wakeup_prepare(struct eu_object *object) {
    int has_ring = 0; /* its kernel, 5.8 or newer, can map arrays (5.5) */
    for (int i = 0; i < object->nr_maps; i++)
        has_ring |= bpf_map__type(object->maps[i]) == BPF_MAP_TYPE_RINGBUF;
    for (int i = 0; has_ring && i < object->nr_maps; i++)
        if (bpf_map__is_internal(object->maps[i]) && !strcmp(bpf_map__name(object->maps[i]), SECTION))
            bpf_map__set_map_flags(object->maps[i], bpf_map__map_flags(object->maps[i]) | BPF_F_MMAPABLE);
}

/* Under the lock. */
static void leave(struct eu_wakeup *w) {
    if (--w->users)
        return;
    if (w->memory)
        munmap(w->memory, w->size);
    free(w->flags);
    free(w);
}

void eu_wakeup_free(struct eu_object *object) {
    pthread_mutex_lock(&lock);
    if (object->wakeup)
        leave(object->wakeup);
    object->wakeup = NULL;
    pthread_mutex_unlock(&lock);
}

static void write_flags(struct eu_wakeup *w, uint32_t value) {
    for (int i = 0; i < w->nr_flags; i++)
        __atomic_store_n(w->flags[i], value, __ATOMIC_RELAXED);
}

int eu_waiter_manages(const struct eu_waiter *waiter) {
    const struct eu_wakeup *w = waiter->wakeup;
    int rings = 0;
    for (int i = 0; i < waiter->nr_buffers; i++)
        rings += eu_buffer_is_ring(waiter->buffers[i]);
    return !rings || (w && w->nr_flags && __atomic_load_n(&w->readers, __ATOMIC_RELAXED) == 1);
}

/* Say what the reader does; 0 to all while there are several. */
static void say(struct eu_waiter *waiter, enum flag value) {
    struct eu_wakeup *w = waiter->wakeup;
    if (!w || !w->nr_flags || __atomic_load_n(w->flags[0], __ATOMIC_RELAXED) == (uint32_t)value)
        return;
    pthread_mutex_lock(&lock);
    write_flags(w, w->readers == 1 ? value : AS_SOURCE);
    pthread_mutex_unlock(&lock);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void eu_waiter_open(struct eu_waiter *waiter, struct eu_object *object, int mode) {
    pthread_mutex_lock(&lock);
    struct eu_wakeup *w = wakeup_of(object);
    *waiter = (struct eu_waiter){.wakeup = w, .mode = mode, .doubt_ms = FIRST_DOUBT_MS, .batch_ms = BATCH_MS};
    if (w) {
        w->users++;
        w->readers++;
        if (w->nr_flags && *w->flags[0]) /* another reader, or one that was killed */
            waiter->settles = now_ns() + SETTLE_NS;
        write_flags(w, AS_SOURCE);
    }
    pthread_mutex_unlock(&lock);
}

int eu_waiter_add(struct eu_waiter *waiter, struct eu_buffer *buffer, int epoll_fd, uint64_t data) {
    struct eu_buffer **more = realloc(waiter->buffers, (size_t)(waiter->nr_buffers + 1) * sizeof(*more));
    if (!more)
        return eu_fail(ENOMEM, "watch buffer: out of memory");
    waiter->buffers = more;
    waiter->buffers[waiter->nr_buffers++] = buffer;
    return waiter->mode == EU_BATCH ? 0 : eu_buffer_watch(buffer, epoll_fd, data); /* batches come by the clock */
}

void eu_waiter_close(struct eu_waiter *waiter) {
    struct eu_wakeup *w = waiter->wakeup;
    free(waiter->buffers);
    *waiter = (struct eu_waiter){0};
    if (!w)
        return;
    pthread_mutex_lock(&lock);
    w->readers--;
    write_flags(w, AS_SOURCE);
    leave(w);
    pthread_mutex_unlock(&lock);
}

/* The same for rings, by the flag, and for perf buffers; returns how many of these changed. */
static int tell(struct eu_waiter *w, enum flag value) {
    int changed = 0;
    say(w, value);
    for (int i = 0; i < w->nr_buffers; i++)
        changed += eu_buffer_quiet(w->buffers[i], value == POLLING);
    return changed;
}

static void poll_round(struct eu_waiter *w, uint64_t records) {
    w->empty = records ? 0 : w->empty + 1;
    if (w->empty < w->patience)
        return;
    w->polls = 0;
    w->gathered = 0;
    dawdle();
    int told = tell(w, ASLEEP) || (w->wakeup && w->wakeup->nr_flags);
    w->settles = told ? now_ns() + SETTLE_NS : 0;
    w->doubt_ms = FIRST_DOUBT_MS;
}

void eu_waiter_round(struct eu_waiter *w, uint64_t records, int more) {
    w->more = more;
    if (w->mode == EU_BATCH) /* under load, batches are as large as the buffers allow */
        w->batch_ms = more ? (w->batch_ms + 1) / 2 : w->batch_ms < BATCH_MS ? w->batch_ms + 1 : BATCH_MS;
    if (w->mode != EU_ADAPTIVE)
        return;
    if (w->polls) {
        poll_round(w, records);
        return;
    }
    if (!records)
        return;
    uint64_t now = now_ns();
    if (now - w->since > 1000000) {
        w->since = now;
        w->gathered = 0;
    }
    w->gathered += records;
    if (w->gathered >= MANY) {
        w->polls = 1;
        w->empty = 0;
        w->patience = tell(w, POLLING) ? PERF_EMPTY_ROUNDS : EMPTY_ROUNDS;
    }
}

static enum eu_state look(const struct eu_waiter *w) {
    enum eu_state worst = EU_EMPTY;
    for (int i = 0; i < w->nr_buffers; i++) {
        enum eu_state state = eu_buffer_state(w->buffers[i]);
        worst = state > worst ? state : worst;
    }
    return worst;
}

/* Announce the sleep, then look whether it is still right. */
static enum eu_state fall_asleep(struct eu_waiter *w) {
    if (w->settles && now_ns() >= w->settles)
        w->settles = 0;
    dawdle();
    say(w, w->settles ? ASLEEP : AS_SOURCE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    dawdle();
    enum eu_state state = look(w);
    dawdle();
    if (state != EU_BUSY)
        w->busy = 0;
    return state;
}

/* How long to nap whatever comes (return value, ns), and then to wait for a wake-up. */
static long pause_for(struct eu_waiter *w, int *timeout_ms) {
    *timeout_ms = 0;
    if (w->more)
        return 0;
    if (w->mode == EU_BATCH) {
        tell(w, POLLING);
        *timeout_ms = w->batch_ms;
        return 0;
    }
    if (w->polls)
        return POLL_NS;
    switch (fall_asleep(w)) {
    case EU_READY:
        return 0;
    case EU_BUSY: /* epoll would call it ready */
        w->busy += w->busy < 10;
        return (long)BUSY_NS * w->busy;
    case EU_EMPTY:
        break;
    }
    *timeout_ms = w->settles && HAS_TIMER ? w->doubt_ms : -1;
    w->doubt_ms = DOUBT_MS;
    return 0;
}

int eu_waiter_wait(struct eu_waiter *w, int epoll_fd, struct epoll_event *events, int max, int limit_ms) {
    int timeout_ms;
    long nap = pause_for(w, &timeout_ms);
    if (nap && limit_ms) {
        struct timespec time = {0, nap};
        if (nanosleep(&time, NULL)) /* a signal's handler may want to speak first */
            return -1;
    }
    if (limit_ms >= 0 && (timeout_ms < 0 || timeout_ms > limit_ms))
        timeout_ms = limit_ms;
    return epoll_wait(epoll_fd, events, max, timeout_ms);
}

int eu_waiter_arm(struct eu_waiter *w) {
    if (w->more)
        return 1;
    if (w->mode == EU_BATCH || w->polls) /* also where there is something: let more gather */
        return 2;
    enum eu_state state = fall_asleep(w);
    return state == EU_READY ? 1 : state == EU_EMPTY && !w->settles ? 0 : 2;
}
