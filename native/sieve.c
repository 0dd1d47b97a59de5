/* One guest of events: its life, and a batch of records through it. */
#define _GNU_SOURCE
#include "chain.h"
#include "error.h"
#include "run_parts.h"
#include "wasi.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Instructions of one call, some seconds: who wants more is in a loop. Bytes that one call prints. */
static const uint64_t FUEL = UINT64_C(10000000000);
enum { MOST_PRINTED = 16 << 20 };

static int refuse(void *context, const struct eu_guest_request *request, char *reason, size_t room) {
    snprintf(reason, room, "a guest of events gets events, and has no BPF of its own");
    return 1;
}

static int open_sieve(struct eu_sieve *sieve, const void *wasm, size_t size) {
    struct eu_guest_options *o = &sieve->options;
    if (eu_sieve_use_functions(sieve, o->functions))
        return -eu_errno();
    sieve->out = memfd_create("guest", MFD_CLOEXEC);
    if (sieve->out < 0)
        return eu_fail(errno, "make a guest: %s", eu_strerror(errno));
    o->stdout_fd = sieve->out;
    o->fuel = o->fuel ? o->fuel : FUEL;
    if (!o->decide)
        o->decide = refuse;
    sieve->guest = eu_guest_new(wasm, size, o);
    if (!sieve->guest)
        return -eu_errno();
    if (!sieve->guest->engine->exports(sieve->guest->instance, "on_event") &&
        !sieve->guest->engine->exports(sieve->guest->instance, "on_batch"))
        return eu_fail(EINVAL, "the module exports neither on_event nor on_batch: no guest of events");
    return 0;
}

struct eu_sieve *eu_sieve_new(const char *name, const void *wasm, size_t size, const struct eu_guest_options *options) {
    struct eu_sieve *sieve = calloc(1, sizeof(*sieve));
    if (!sieve)
        return eu_fail_null(ENOMEM, "make a guest: out of memory");
    snprintf(sieve->name, sizeof(sieve->name), "%s", name);
    sieve->options = *options;
    sieve->out = -1;
    sieve->interval_ms = 1000;
    if (!open_sieve(sieve, wasm, size))
        return sieve;
    eu_sieve_free(sieve);
    return NULL;
}

void eu_sieve_free(struct eu_sieve *sieve) {
    if (!sieve)
        return;
    eu_guest_free(sieve->guest);
    if (sieve->out >= 0)
        close(sieve->out);
    free(sieve->more.items);
    free(sieve->members.items);
    eu_out_free(&sieve->more.bytes);
    eu_out_free(&sieve->members.bytes);
    free(sieve->functions);
    free(sieve);
}

void eu_sieve_tell(const struct eu_sieve *sieve, struct eu_sieve_counts *counts) {
    *counts = sieve->counts;
}

const char *eu_sieve_detail(const struct eu_sieve *sieve) {
    return sieve->guest ? eu_guest_detail(sieve->guest) : "";
}

/* The option that allows more, where a limit ended it. */
static const char *hint(const struct eu_guest *guest) {
    if (guest->ending == EU_OUT_OF_FUEL)
        return " [--fuel N allows more, 0 any number]";
    if (strstr(guest->text, "stack overflow"))
        return " [--stack SIZE allows more]";
    if (strstr(guest->text, "exceeds memory limits"))
        return " [--memory SIZE allows more]";
    return strstr(guest->text, "exceeds table limits") ? " [--table N allows more]" : "";
}

static int failure(struct eu_sieve *sieve, const char *what) {
    struct eu_guest *guest = sieve->guest;
    sieve->counts.has_failed = 1;
    if (guest->ending == EU_EXITED)
        return eu_fail(ECANCELED, "guest %s: %s: it called exit(%d)", sieve->name, what, guest->exit_code);
    if (guest->ending != EU_RUNNING)
        return eu_fail(ECANCELED, "guest %s: %s: %s%s", sieve->name, what, guest->text, hint(guest));
    return eu_fail(EINVAL, "guest %s: %s", sieve->name, what);
}

/* What it printed since: text before the event `before`. */
static int take_printed(struct eu_sieve *sieve, uint32_t before) {
    char part[4096];
    off_t size = lseek(sieve->out, 0, SEEK_CUR);
    for (off_t at = 0; at < size;) {
        ssize_t got = pread(sieve->out, part, sizeof(part), at);
        if (got <= 0)
            break;
        struct eu_item text = {.is_text = 1, .size = (uint32_t)got, .before = before, .whose = sieve};
        if (!eu_batch_add(&sieve->more, &text, part))
            break;
        at += got;
    }
    if (size && (ftruncate(sieve->out, 0) || lseek(sieve->out, 0, SEEK_SET)))
        return eu_fail(errno, "guest %s: %s", sieve->name, eu_strerror(errno));
    return 0;
}

static int call(struct eu_sieve *sieve, const struct eu_callee *callee, union eu_slot *slots, const char *name, uint32_t before) {
    struct eu_guest *guest = sieve->guest;
    uint64_t printed = guest->wasi->output;
    guest->engine->refuel(guest->instance);
    sieve->options.max_output = printed + MOST_PRINTED;
    if (guest->ending != EU_RUNNING || guest->engine->call(guest->instance, callee, slots) != EU_GO)
        return failure(sieve, name);
    return guest->wasi->output == printed ? 0 : take_printed(sieve, before);
}

static int find(struct eu_sieve *sieve, const char *name, const char *type, struct eu_callee *callee) {
    int err = sieve->guest->engine->exported(sieve->guest->instance, name, type, callee);
    if (err == -EINVAL) {
        char words[96];
        snprintf(words, sizeof(words), "%s has another type than the interface says", name);
        return failure(sieve, words);
    }
    return !err;
}

static int find_all(struct eu_sieve *sieve) {
    struct {
        const char *name, *type;
        struct eu_callee *callee;
        int *has;
    } exports[] = {
        {"on_event", "iiii:i", &sieve->on_event, &sieve->has_event},
        {"on_batch", "ii:i", &sieve->on_batch, &sieve->has_batch},
        {"on_interval", ":i", &sieve->on_interval, &sieve->has_interval},
        {"on_end", ":i", &sieve->on_end, &sieve->has_end},
    };
    for (size_t i = 0; i < sizeof(exports) / sizeof(*exports); i++) {
        int found = find(sieve, exports[i].name, exports[i].type, exports[i].callee);
        if (found < 0)
            return found;
        *exports[i].has = found;
    }
    int found = find(sieve, "event_buffer", "i:i", &sieve->event_buffer);
    return found > 0 ? 0 : found < 0 ? found : failure(sieve, "the module exports no function event_buffer (i32) -> i32");
}

/* Room for so many bytes in the guest. */
static int make_room(struct eu_sieve *sieve, uint32_t size) {
    union eu_slot slots[1] = {{.u64 = 0}};
    if (size <= sieve->room)
        return 0;
    slots[0].u32 = size;
    int err = call(sieve, &sieve->event_buffer, slots, "event_buffer", 0);
    if (err)
        return err;
    sieve->buffer = slots[0].u32;
    sieve->room = size;
    if (sieve->buffer && eu_guest_bytes(sieve->guest, sieve->buffer, size))
        return 0;
    return failure(sieve, sieve->buffer ? "event_buffer: not all of it lies in its memory" : "event_buffer: no room for its events");
}

int eu_sieve_start(struct eu_sieve *sieve, struct eu_run *run) {
    struct eu_callee on_start;
    union eu_slot slots[1] = {{.u64 = 0}};
    if (sieve->run)
        return eu_fail(EBUSY, "guest %s: it belongs to another run", sieve->name);
    sieve->run = run;
    if (eu_guest_start(sieve->guest))
        return failure(sieve, "start");
    int err = find_all(sieve), found = err ? err : find(sieve, "on_start", ":i", &on_start);
    if (found < 0)
        return found;
    if (found && (err = call(sieve, &on_start, slots, "on_start", 0)))
        return err;
    if (found && slots[0].i32 < 0)
        return failure(sieve, "on_start: it does not want to run");
    return make_room(sieve, SIEVE_BYTES);
}

struct head {
    uint32_t size, source, type;
    int32_t verdict;
};

/* What the guest added, as far as it was put. */
struct added {
    size_t more, members;
};

static void put(const struct eu_batch *from, const struct eu_item *item, const void *bytes, struct eu_batch *out) {
    struct eu_item *added = eu_batch_add(out, item, bytes);
    if (!added)
        return;
    added->members = out->bytes.used;
    eu_out_put(&out->bytes, from->bytes.data + item->members, item->nr_bytes);
}

/* Events and texts that stand before an event. */
static void put_more(struct eu_sieve *sieve, struct added *added, uint32_t event, struct eu_batch *out) {
    const struct eu_batch *more = &sieve->more;
    for (; added->more < more->count && more->items[added->more].before <= event; added->more++)
        put(more, &more->items[added->more], more->bytes.data + more->items[added->more].at, out);
}

/* The members that were added to an event go to the one that was put last; `out` 0: it was dropped. */
static void put_members(struct eu_sieve *sieve, struct added *added, uint32_t event, struct eu_batch *out) {
    const struct eu_batch *members = &sieve->members;
    for (; added->members < members->count && members->items[added->members].before <= event; added->members++) {
        const struct eu_item *one = &members->items[added->members];
        struct eu_item *to = out && out->count ? &out->items[out->count - 1] : NULL;
        if (!to)
            continue;
        if (to->nr_bytes)
            eu_out_char(&out->bytes, ',');
        eu_out_put(&out->bytes, members->bytes.data + one->at, one->size);
        to->nr_bytes += one->size + (to->nr_bytes > 0);
    }
}

static int judge(struct eu_sieve *sieve, const struct eu_item *item, int verdict, uint32_t at, struct eu_batch *out) {
    const void *bytes = sieve->in->bytes.data + item->at;
    if (verdict < SIEVE_DROP || verdict > SIEVE_CHANGED) {
        char words[96];
        snprintf(words, sizeof(words), "the verdict on an event is %d, expected 0 drop, 1 pass or 2 changed", verdict);
        return failure(sieve, words);
    }
    if (verdict == SIEVE_CHANGED && !(bytes = eu_guest_bytes(sieve->guest, at, item->size)))
        return failure(sieve, "a changed event does not lie in its memory any more");
    sieve->counts.changed += verdict == SIEVE_CHANGED;
    sieve->counts.passed += verdict != SIEVE_DROP;
    sieve->counts.dropped += verdict == SIEVE_DROP;
    if (verdict != SIEVE_DROP)
        put(sieve->in, item, bytes, out);
    else if (!item->is_added)
        sieve->run->sources[item->source].account.filtered++;
    return verdict;
}

static uint32_t padded(uint32_t size) {
    return (size + 7) & ~7u;
}

/* How many items from `first` on the guest is given at once, with their bytes as they lie there. */
static size_t chunk(struct eu_sieve *sieve, size_t first, uint32_t *bytes) {
    const struct eu_batch *in = sieve->in;
    size_t end = first;
    sieve->spoken = 0;
    sieve->spoken_item = first;
    for (*bytes = sieve->given = 0; end < in->count; end++) {
        const struct eu_item *item = &in->items[end];
        uint32_t size = item->is_text ? 0 : SIEVE_RECORD + padded(item->size);
        if (size && sieve->given && (!sieve->has_batch || *bytes + size > SIEVE_BYTES))
            break;
        *bytes += size;
        sieve->given += size > 0;
    }
    return end;
}

static void fill(struct eu_sieve *sieve, uint8_t *to, size_t first, size_t end) {
    for (size_t i = first; i < end; i++) {
        const struct eu_item *item = &sieve->in->items[i];
        if (item->is_text)
            continue;
        memcpy(to, &(struct head){item->size, item->source, item->type, SIEVE_PASS}, sizeof(struct head));
        memcpy(to + sizeof(struct head), sieve->in->bytes.data + item->at, item->size);
        to += sizeof(struct head) + padded(item->size);
    }
}

/* The verdicts of on_batch stand in the heads, that of on_event is its result. */
static int enter(struct eu_sieve *sieve, uint32_t bytes, int *verdict) {
    union eu_slot slots[4] = {{.u32 = sieve->buffer}, {.u32 = bytes}};
    int err;
    if (sieve->has_batch) {
        err = call(sieve, &sieve->on_batch, slots, "on_batch", 0);
        return !err && slots[0].i32 < 0 ? failure(sieve, "on_batch failed") : err;
    }
    struct head *head = (void *)eu_guest_bytes(sieve->guest, sieve->buffer, sizeof(*head));
    struct head copy;
    memcpy(&copy, head, sizeof(copy));
    slots[0].u32 += sizeof(*head);
    slots[1].u32 = copy.size;
    slots[2].u32 = copy.source;
    slots[3].u32 = copy.type;
    err = call(sieve, &sieve->on_event, slots, "on_event", 0);
    *verdict = slots[0].i32;
    return err;
}

/* It failed in one of these of the events that it was given. */
static int failed_in(struct eu_sieve *sieve, uint32_t from, uint32_t count, int err) {
    sieve->counts.first = sieve->counts.events - sieve->given + from + 1;
    sieve->counts.last = sieve->counts.first + count - 1;
    return err;
}

static int give(struct eu_sieve *sieve, size_t first, size_t end, uint32_t bytes, struct eu_batch *out) {
    struct added added = {0};
    uint32_t event = 0, at = sieve->buffer;
    int verdict = SIEVE_PASS, err = 0;
    sieve->counts.events += sieve->given;
    if (sieve->given) {
        fill(sieve, eu_guest_bytes(sieve->guest, sieve->buffer, bytes), first, end);
        if ((err = enter(sieve, bytes, &verdict)))
            return failed_in(sieve, 0, sieve->given, err);
    }
    for (; first < end; sieve->done = ++first) {
        const struct eu_item *item = &sieve->in->items[first];
        if (item->is_text) {
            put(sieve->in, item, sieve->in->bytes.data + item->at, out);
            continue;
        }
        put_more(sieve, &added, event, out);
        const uint8_t *head = eu_guest_bytes(sieve->guest, at + 12, 4);
        if (sieve->has_batch && head)
            memcpy(&verdict, head, 4);
        if ((err = judge(sieve, item, verdict, at + SIEVE_RECORD, out)) < 0)
            return failed_in(sieve, event, 1, err);
        put_members(sieve, &added, event++, err == SIEVE_DROP ? NULL : out);
        at += SIEVE_RECORD + padded(item->size);
    }
    put_more(sieve, &added, UINT32_MAX, out);
    return 0;
}

static void empty(struct eu_batch *batch) {
    batch->count = batch->bytes.used = 0;
}

/* What it let pass, changed and added since then reaches nobody; what it dropped is in the account. */
static void forget(struct eu_sieve *sieve, const struct eu_sieve_counts *before) {
    sieve->counts.passed = before->passed;
    sieve->counts.changed = before->changed;
    sieve->counts.added = before->added;
}

int eu_sieve_pass(struct eu_sieve *sieve, const struct eu_batch *in, struct eu_batch *out) {
    struct eu_sieve_counts before = sieve->counts;
    int err = 0;
    uint32_t bytes;
    sieve->in = in;
    for (size_t at = sieve->done = 0, end; at < in->count && !err; at = end) {
        end = chunk(sieve, at, &bytes);
        err = make_room(sieve, bytes);
        if (!err)
            err = give(sieve, at, end, bytes, out);
        empty(&sieve->more);
        empty(&sieve->members);
    }
    sieve->given = 0;
    if (!err && out->failed) {
        sieve->counts.has_failed = 1;
        err = eu_fail(ENOMEM, "guest %s: out of memory for its events", sieve->name);
    }
    if (err)
        forget(sieve, &before);
    return err;
}

int eu_sieve_call(struct eu_sieve *sieve, const struct eu_callee *callee, struct eu_batch *out) {
    struct eu_sieve_counts before = sieve->counts;
    union eu_slot slots[1] = {{.u64 = 0}};
    struct added added = {0};
    int err = call(sieve, callee, slots, callee == &sieve->on_end ? "on_end" : "on_interval", 0);
    if (!err && slots[0].i32 < 0)
        err = failure(sieve, callee == &sieve->on_end ? "on_end failed" : "on_interval failed");
    if (!err)
        put_more(sieve, &added, UINT32_MAX, out);
    else
        forget(sieve, &before);
    empty(&sieve->more);
    return err;
}
