/* The guests of a run, one behind the other. Records gather in a batch, so that a guest is entered once for many; they go on at the
 * latest when the run's output is written, and where an order is to be kept: before losses are told, tables shown. */
#define _GNU_SOURCE
#include "chain.h"
#include "error.h"
#include "run_parts.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct eu_chain {
    struct eu_run *run;
    struct eu_sieve **sieves;
    int count, timer, is_busy, has_failed;
    uint32_t interval_ms;
    uint64_t due; /* of a replay: recorded time of the next interval */
    struct eu_batch batch, other;
};

struct eu_item *eu_batch_add(struct eu_batch *batch, const struct eu_item *item, const void *bytes) {
    if (batch->count == batch->room) {
        size_t room = batch->room ? batch->room * 2 : 256;
        struct eu_item *items = realloc(batch->items, room * sizeof(*items));
        if (!items) {
            batch->failed = 1;
            return NULL;
        }
        batch->items = items;
        batch->room = room;
    }
    struct eu_item *added = &batch->items[batch->count++];
    *added = *item;
    added->at = batch->bytes.used;
    eu_out_put(&batch->bytes, bytes, item->size);
    batch->failed |= batch->bytes.failed;
    return added;
}

static void empty(struct eu_batch *batch) {
    batch->count = batch->bytes.used = 0;
}

static void release(struct eu_batch *batch) {
    free(batch->items);
    eu_out_free(&batch->bytes);
}

struct eu_chain *eu_chain_new(struct eu_run *run, struct eu_sieve **sieves, int count) {
    struct eu_chain *chain = calloc(1, sizeof(*chain));
    if (!chain)
        return eu_fail_null(ENOMEM, "open run: out of memory");
    *chain = (struct eu_chain){.run = run, .count = count, .timer = -1};
    chain->sieves = calloc((size_t)count, sizeof(*sieves));
    if (!chain->sieves) {
        free(chain);
        return eu_fail_null(ENOMEM, "open run: out of memory");
    }
    memcpy(chain->sieves, sieves, (size_t)count * sizeof(*sieves));
    return chain;
}

void eu_chain_free(struct eu_chain *chain) {
    if (!chain)
        return;
    if (chain->timer >= 0)
        close(chain->timer);
    release(&chain->batch);
    release(&chain->other);
    free(chain->sieves);
    free(chain);
}

/* Events that can go nowhere, from this item on. */
static void lose(struct eu_chain *chain, const struct eu_batch *batch, size_t from) {
    for (size_t i = from; i < batch->count; i++)
        if (!batch->items[i].is_text && !batch->items[i].is_added)
            chain->run->sources[batch->items[i].source].account.lost[EU_GUEST_FAILED]++;
}

static void failed(struct eu_chain *chain, int err) {
    chain->has_failed = 1;
    eu_run_ends(chain->run, err);
}

/* One guest's turn: from the batch into the other, which takes its place. */
static int pass_one(struct eu_chain *chain, struct eu_sieve *sieve) {
    struct eu_batch was = chain->batch;
    int err = eu_sieve_pass(sieve, &chain->batch, &chain->other);
    if (err) {
        lose(chain, &chain->batch, sieve->done);
        lose(chain, &chain->other, 0);
        empty(&chain->other);
        failed(chain, err);
    } else {
        chain->batch = chain->other;
        chain->other = was;
    }
    empty(err ? &chain->batch : &chain->other);
    return err;
}

/* Through the guests from this one on, and out. */
static void pass(struct eu_chain *chain, int from) {
    for (int i = from; i < chain->count; i++)
        if (pass_one(chain, chain->sieves[i]))
            return;
    eu_chain_deliver(chain->run, &chain->batch);
    empty(&chain->batch);
}

void eu_chain_flush(struct eu_chain *chain) {
    if (!chain->batch.count || chain->is_busy)
        return;
    chain->is_busy = 1;
    pass(chain, 0);
    chain->is_busy = 0;
}

static void call_all(struct eu_chain *chain, int is_end) {
    eu_chain_flush(chain);
    for (int i = 0; i < chain->count && !chain->has_failed; i++) {
        struct eu_sieve *s = chain->sieves[i];
        if (!(is_end ? s->has_end : s->has_interval))
            continue;
        int err = eu_sieve_call(s, is_end ? &s->on_end : &s->on_interval, &chain->batch);
        chain->is_busy = 1;
        if (err)
            failed(chain, err);
        else
            pass(chain, i + 1);
        chain->is_busy = 0;
    }
}

void eu_chain_interval(struct eu_chain *chain) {
    uint64_t count;
    if (read(chain->timer, &count, sizeof(count)) == sizeof(count))
        call_all(chain, 0);
}

void eu_chain_end(struct eu_chain *chain) {
    call_all(chain, 1);
}

int eu_chain_start(struct eu_chain *chain) {
    for (int i = 0; i < chain->count; i++) {
        struct eu_sieve *s = chain->sieves[i];
        int err = eu_sieve_start(s, chain->run);
        if (err) {
            chain->has_failed = 1;
            return err;
        }
        if (s->has_interval && (!chain->interval_ms || s->interval_ms < chain->interval_ms))
            chain->interval_ms = s->interval_ms;
    }
    if (!chain->interval_ms)
        return 0;
    chain->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (chain->timer < 0)
        return eu_fail(errno, "make timer: %s", eu_strerror(errno));
    return 0;
}

int eu_chain_watch(struct eu_chain *chain) {
    if (chain->timer < 0 || chain->run->replay)
        return 0;
    int err = eu_run_arm(chain->timer, chain->interval_ms / 1000.0, chain->interval_ms / 1000.0);
    return err ? err : eu_run_watch(chain->run, chain->timer, EPOLLIN, CHAIN_FD, 0);
}

/* Of a replay the intervals are those of the recorded time. */
static void look_at_recorded_time(struct eu_chain *chain) {
    uint64_t now = chain->run->now, step = chain->interval_ms * UINT64_C(1000000);
    if (!chain->due)
        chain->due = now + step;
    if (now < chain->due)
        return;
    chain->due += (now - chain->due) / step * step + step;
    call_all(chain, 0);
}

void eu_chain_add(struct eu_chain *chain, uint32_t source, uint32_t type, const uint8_t *record, size_t size) {
    struct eu_run *run = chain->run;
    if (chain->has_failed) {
        run->sources[source].account.lost[EU_GUEST_FAILED]++;
        return;
    }
    if (run->replay && chain->interval_ms)
        look_at_recorded_time(chain);
    struct eu_item item = {.source = source, .type = type, .size = (uint32_t)size, .now = run->now};
    if (size > UINT32_MAX / 2 || !eu_batch_add(&chain->batch, &item, record) || chain->batch.failed) {
        run->sources[source].account.lost[EU_GUEST_FAILED]++;
        if (chain->batch.failed && chain->batch.bytes.failed && chain->batch.count)
            chain->batch.count--; /* this one, without its bytes */
        failed(chain, eu_fail(ENOMEM, "events of guests: out of memory"));
        lose(chain, &chain->batch, 0);
        empty(&chain->batch);
        return;
    }
    if (chain->batch.bytes.used >= SIEVE_BYTES)
        eu_chain_flush(chain);
}
