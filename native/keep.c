#include "keep.h"
#include "decoders.h"
#include "error.h"
#include "run_parts.h"
#include "signals.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { ACCOUNTS_NS = 1000000000, LOSSES_NS = 100000000, SHOWN_LIMIT = 1 << 20 };

struct eu_keep {
    struct eu_run *run;
    struct eu_recorder *recorder;
    struct eu_view **views; /* by source: of those whose showing asks the machine */
    struct eu_out shown;
    struct eu_account *accounts;
    int timer, is_armed, is_failed;
    int asks; /* showing some value asks the machine */
    uint64_t accounts_due, told_lost;
};

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

struct eu_format eu_keep_format(void) {
    return (struct eu_format){.format = 1, .symbols = 2};
}

/* Records with stacks, or with values that only this machine can name, are shown once so that the answers are kept. */
static int open_view(struct eu_keep *k, int index, struct eu_object *object) {
    const struct eu_plan_source *planned = &k->run->plan->sources[index];
    struct eu_format format = eu_keep_format();
    if (planned->kind == EU_SAMPLE || (!k->asks && planned->style != EU_STACKS))
        return 0;
    k->views[index] = eu_view_new(k->run->plan, index, &format, 0);
    if (!k->views[index])
        return -eu_errno();
    eu_view_use(k->views[index], object);
    return 0;
}

static int does_plan_ask(const struct eu_plan *plan) {
    for (uint32_t i = 0; i < plan->header.nr_members; i++)
        if (eu_decoder_asks(plan->members[i].decoder))
            return 1;
    for (uint32_t i = 0; i < plan->header.nr_types; i++)
        if (eu_decoder_asks(plan->types[i].decoder))
            return 1;
    return 0;
}

struct eu_keep *eu_keep_new(struct eu_run *run, struct eu_object *object, struct eu_recorder *recorder) {
    struct eu_keep *k = calloc(1, sizeof(*k));
    int err = 0;
    if (!k)
        return eu_fail_null(ENOMEM, "record: out of memory");
    k->run = run;
    k->recorder = recorder;
    eu_recorder_hold(recorder);
    k->asks = does_plan_ask(run->plan);
    k->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    k->views = calloc((size_t)run->nr_sources + 1, sizeof(*k->views));
    if (k->timer < 0 || !k->views)
        err = eu_fail(k->timer < 0 ? errno : ENOMEM, "record: %s", eu_strerror(k->timer < 0 ? errno : ENOMEM));
    for (int i = 0; i < run->nr_sources && !err; i++)
        err = open_view(k, i, object);
    if (!err)
        return k;
    eu_keep_free(k);
    return NULL;
}

void eu_keep_free(struct eu_keep *k) {
    if (!k)
        return;
    for (int i = 0; i < k->run->nr_sources && k->views; i++)
        eu_view_free(k->views[i]);
    if (k->timer >= 0)
        close(k->timer);
    eu_recorder_free(k->recorder);
    eu_out_free(&k->shown);
    free(k->views);
    free(k->accounts);
    free(k);
}

int eu_keep_fd(const struct eu_keep *k) {
    return k->timer;
}

/* What was to be written is lost: it was counted as delivered when it was taken. */
static int fail(struct eu_keep *k, int err) {
    int ending = err == -EPIPE ? CLOSED : err == -EINTR && eu_signals_count() ? SIGNAL : err;
    for (int i = 0; i < k->run->nr_sources && !k->is_failed; i++) {
        struct source *s = &k->run->sources[i];
        uint64_t unwritten = eu_recorder_unwritten(k->recorder, i);
        s->account.delivered -= unwritten;
        s->account.lost[EU_SINK_FAILED] += unwritten;
    }
    k->is_failed = 1;
    eu_run_ends(k->run, ending);
    return err;
}

int eu_keep_start(struct eu_keep *k) {
    int err = eu_recorder_clocks(k->recorder);
    k->accounts_due = now(CLOCK_MONOTONIC_COARSE) + ACCOUNTS_NS;
    return err ? fail(k, err) : 0;
}

int eu_keep_record(struct eu_keep *k, struct source *s, const uint8_t *record, size_t size) {
    struct eu_view *view = k->views[s->index];
    if (k->is_failed)
        return -EIO;
    if (view) {
        eu_facts_use(eu_recorder_facts(k->recorder), 0);
        eu_view_record(view, &k->shown, "", 0, eu_view_match(view, record, size), record, size);
        eu_facts_use(NULL, 0);
        k->shown.used = 0;
    }
    int err = eu_recorder_add(k->recorder, s->index, now(CLOCK_MONOTONIC), record, size);
    return err ? fail(k, err) : 0;
}

void eu_keep_lost(struct eu_keep *k, struct source *s, int cause, uint64_t count) {
    int err = k->is_failed ? 0 : eu_recorder_lost(k->recorder, s->index, cause, count);
    if (err)
        fail(k, err);
}

static int keep_snapshot(void *context, const struct eu_snapshot *snapshot) {
    struct source *s = context;
    return eu_recorder_sample(s->run->keep->recorder, s->index, snapshot);
}

long eu_keep_sample(struct eu_keep *k, struct source *s) {
    if (k->is_failed)
        return 0;
    eu_facts_use(eu_recorder_facts(k->recorder), 0);
    eu_sample_keep(s->sample, keep_snapshot, s, !k->asks && k->run->plan->sources[s->index].style != EU_STACKS);
    long count = eu_sample_print(s->sample, &k->shown, "", 0, 0);
    eu_facts_use(NULL, 0);
    k->shown.used = 0;
    if (k->shown.room > SHOWN_LIMIT)
        eu_out_free(&k->shown);
    return count < 0 ? fail(k, (int)count) : count;
}

static int write_accounts(struct eu_keep *k) {
    int nr = eu_run_accounts(k->run);
    struct eu_account *larger = realloc(k->accounts, (size_t)nr * sizeof(*larger) + 1);
    if (!larger)
        return eu_fail(ENOMEM, "record: out of memory");
    k->accounts = larger;
    for (int i = 0; i < nr; i++)
        if (eu_run_account(k->run, i, &k->accounts[i]))
            return -eu_errno();
    return eu_recorder_accounts(k->recorder, k->accounts, nr);
}

/* A record that comes alone does not wait for the next one. */
static void arm(struct eu_keep *k) {
    struct itimerspec when = {.it_value = {.tv_nsec = EU_RECORDER_AGE_NS}};
    if (!k->is_armed && eu_recorder_since(k->recorder))
        k->is_armed = !timerfd_settime(k->timer, 0, &when, NULL);
}

/* Losses are noted at once, behind the records that were read before them. */
static int are_accounts_due(const struct eu_keep *k, uint64_t since, uint64_t time) {
    if (k->run->lost != k->told_lost)
        return time + ACCOUNTS_NS >= k->accounts_due + LOSSES_NS;
    return since && time >= k->accounts_due;
}

void eu_keep_round(struct eu_keep *k) {
    uint64_t since = eu_recorder_since(k->recorder), time;
    int err = 0;
    if ((!since && k->run->lost == k->told_lost) || k->is_failed)
        return;
    time = now(CLOCK_MONOTONIC_COARSE);
    if (are_accounts_due(k, since, time)) {
        err = write_accounts(k);
        k->accounts_due = time + ACCOUNTS_NS;
        k->told_lost = k->run->lost;
    } else if (time > since + EU_RECORDER_AGE_NS) {
        err = eu_recorder_flush(k->recorder);
    }
    if (err)
        fail(k, err);
    else
        arm(k);
}

void eu_keep_due(struct eu_keep *k) {
    uint64_t count;
    if (read(k->timer, &count, sizeof(count)) == sizeof(count))
        k->is_armed = 0;
    int err = k->is_failed ? 0 : eu_recorder_flush(k->recorder);
    if (err)
        fail(k, err);
}

void eu_keep_finish(struct eu_keep *k) {
    int err = k->is_failed ? 0 : eu_recorder_flush(k->recorder);
    if (k->is_failed)
        return;
    if (!err)
        err = write_accounts(k);
    if (!err)
        err = eu_recorder_end(k->recorder, k->run->ending == GOES_ON ? STOPPED : k->run->ending);
    if (err)
        fail(k, err);
}
