#include "clock.h"
#include <stddef.h>
#include <string.h>
#include <time.h>

enum { SECOND = 1000000000, TRIES = 4, CLOSE_NS = 1000, SAME_NS = 2000 };

static _Thread_local struct eu_clock_history live;
static _Thread_local const struct eu_clock_history *recorded;

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * (int64_t)SECOND + now.tv_nsec;
}

void eu_clocks_read(struct eu_clocks *best) {
    int64_t closest = INT64_MAX;
    for (int i = 0; i < TRIES && closest > CLOSE_NS; i++) {
        int64_t before = read_clock(CLOCK_MONOTONIC), wall = read_clock(CLOCK_REALTIME), boot = read_clock(CLOCK_BOOTTIME);
        int64_t took = read_clock(CLOCK_MONOTONIC) - before;
        if (took < closest) {
            *best = (struct eu_clocks){.monotonic = before + took / 2, .boottime = boot, .realtime = wall};
            closest = took;
        }
    }
}

static int is_near(int64_t a, int64_t b) {
    return a - b < SAME_NS && b - a < SAME_NS;
}

void eu_clock_note(struct eu_clock_history *h, const struct eu_clocks *c) {
    int64_t boot = c->boottime - c->monotonic, wall = c->realtime - c->monotonic;
    struct eu_clock_span *last = h->nr_spans ? &h->spans[h->nr_spans - 1] : NULL;
    if (last && c->monotonic < last->last)
        return;
    if (last && is_near(last->boot, boot) && is_near(last->wall, wall)) {
        last->last = c->monotonic;
        return;
    }
    if (h->nr_spans == EU_CLOCK_SPANS)
        memmove(h->spans, h->spans + 1, sizeof(h->spans[0]) * (size_t)--h->nr_spans);
    h->spans[h->nr_spans++] = (struct eu_clock_span){.first = c->monotonic, .last = c->monotonic, .boot = boot, .wall = wall};
}

const struct eu_clock_history *eu_clock_use(const struct eu_clock_history *history) {
    const struct eu_clock_history *before = recorded;
    recorded = history;
    return before;
}

static const struct eu_clock_history *current(void) {
    struct timespec coarse;
    if (recorded)
        return recorded;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
    int64_t now = coarse.tv_sec * (int64_t)SECOND + coarse.tv_nsec;
    if (now >= live.next) {
        struct eu_clocks clocks;
        eu_clocks_read(&clocks);
        eu_clock_note(&live, &clocks);
        live.next = now + SECOND;
    }
    return &live;
}

int64_t eu_clock_wall(int clock, uint64_t ns) {
    const struct eu_clock_history *h = current();
    uint64_t nearest = UINT64_MAX, wall = ns;
    for (int i = h->nr_spans; i-- > 0 && nearest;) { /* events are mostly of now: the latest span first */
        const struct eu_clock_span *s = &h->spans[i];
        uint64_t shift = clock == EU_CLOCK_BOOTTIME ? (uint64_t)s->boot : 0;
        int64_t at = (int64_t)(ns - shift);
        uint64_t far = at < s->first ? (uint64_t)s->first - (uint64_t)at : at > s->last ? (uint64_t)at - (uint64_t)s->last : 0;
        if (far < nearest) {
            nearest = far;
            wall = (uint64_t)at + (uint64_t)s->wall;
        }
    }
    return (int64_t)wall;
}
