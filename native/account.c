/* The words of the accounts, and the equation: what readers, the kernel and the object's counters say, put together so that
 * produced = delivered + filtered + discarded + lost + pending. */
#include "accounting.h"
#include "error.h"
#include "object.h"
#include "reader.h"
#include "run_parts.h"
#include "value.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum kind { RING = 1, PERF = 2, SAMPLED = 3, UPDATED = 4 };

const char *eu_cause_name(int cause, int kind) {
    static const char *const names[EU_CAUSES] = {
        [EU_NO_ROOM] = "ring full",       [EU_MAP_FULL] = "map full",         [EU_COLLISION] = "stack collision",
        [EU_UNDECODABLE] = "undecodable", [EU_QUEUE_FULL] = "queue full",     [EU_SINK_FAILED] = "sink failed",
        [EU_SAMPLED_OUT] = "sampled out", [EU_RATE_LIMITED] = "rate limit",   [EU_DRILL] = "drill",
        [EU_NOT_READ] = "not read",       [EU_GUEST_FAILED] = "guest failed",
    };
    if (cause < 0 || cause >= EU_CAUSES)
        return "?";
    return cause == EU_NO_ROOM && kind == PERF ? "perf buffer full" : names[cause];
}

static uint64_t load(const uint64_t *count) {
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static uint64_t over(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

/* What a reader says of itself; lost[EU_NO_ROOM] is what the kernel told it. */
static void add_reader(struct eu_account *sum, const struct eu_tally *tally) {
    sum->delivered += load(&tally->counted->delivered);
    sum->filtered += load(&tally->counted->filtered);
    for (int i = 0; i < EU_CAUSES; i++)
        sum->lost[i] += load(&tally->counted->lost[i]);
    if (tally->buffer) {
        sum->discarded += eu_buffer_discarded(tally->buffer);
        sum->lost[EU_NO_ROOM] += eu_buffer_lost(tally->buffer);
    }
}

static uint64_t done_in(const struct eu_account *account) {
    uint64_t done = account->delivered + account->filtered + account->discarded;
    for (int i = 0; i < EU_CAUSES; i++)
        done += account->lost[i];
    return done;
}

/* Counters are read after what readers say, so that a record which a reader has is among the calls; `before` is taken off. */
static void balance(const struct eu_accounting *a, int map, const struct eu_counts *before, struct eu_account *account) {
    struct eu_counts counts;
    eu_accounting_read(a, map, &counts);
    uint64_t failures = over(counts.failures, before->failures), calls = over(counts.calls, before->calls);
    if (failures > account->lost[EU_NO_ROOM])
        account->lost[EU_NO_ROOM] = failures;
    account->lost[EU_MAP_FULL] += over(counts.map_full, before->map_full);
    account->lost[EU_COLLISION] += over(counts.collisions, before->collisions);
    uint64_t done = done_in(account);
    int is_buffer = account->kind == RING || account->kind == PERF;
    account->known = counts.known && (!is_buffer || done <= calls); /* more: something produces that is not counted */
    account->why = counts.known ? EU_UNSEEN : a && a->version ? EU_UNNAMED : EU_UNCOUNTED;
    account->produced = account->known && is_buffer ? calls : done;
    account->pending = account->produced - done;
}

void eu_tally_join(struct eu_tally *tally, struct eu_accounting *a, int map, const struct eu_account *counted, struct eu_buffer *buffer) {
    struct eu_account so_far;
    if (!a || map < 0 || map >= a->nr_maps)
        return;
    *tally = (struct eu_tally){.accounting = a, .map = map, .counted = counted, .buffer = buffer};
    __atomic_fetch_add(&a->references, 1, __ATOMIC_RELAXED);
    eu_accounting_account(a, map, &so_far);
    pthread_mutex_lock(&a->lock);
    if (done_in(&a->maps[map].past)) { /* what waits in a ring is this reader's */
        eu_accounting_read(a, map, &tally->before);
        tally->before.calls = over(so_far.produced, so_far.pending);
        tally->before.failures = so_far.lost[EU_NO_ROOM];
    }
    tally->next = a->readers;
    a->readers = tally;
    pthread_mutex_unlock(&a->lock);
}

static int count(void *context, const uint8_t *record, size_t size) {
    ++*(uint64_t *)context;
    return 0;
}

void eu_tally_leave(struct eu_tally *tally) {
    struct eu_accounting *a = tally->accounting;
    if (!a)
        return;
    struct eu_account *past = &a->maps[tally->map].past;
    uint64_t unread = 0;
    pthread_mutex_lock(&a->lock);
    for (struct eu_tally **link = &a->readers; *link; link = &(*link)->next)
        if (*link == tally) {
            *link = tally->next;
            break;
        }
    if (tally->buffer)
        eu_buffer_count_lost(tally->buffer);
    if (tally->buffer && a->maps[tally->map].type == BPF_MAP_TYPE_PERF_EVENT_ARRAY) /* goes with the reader; a ring stays */
        eu_buffer_consume(tally->buffer, SIZE_MAX / 2, count, &unread);
    add_reader(past, tally);
    past->lost[EU_NOT_READ] += unread;
    past->kind = tally->buffer ? 0 : SAMPLED;
    pthread_mutex_unlock(&a->lock);
    tally->accounting = NULL;
    eu_accounting_close(a);
}

static int kind_of(const struct eu_accounting *a, int map) {
    if (map == a->nr_maps)
        return UPDATED;
    if (a->maps[map].type == BPF_MAP_TYPE_RINGBUF)
        return RING;
    if (a->maps[map].type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
        return PERF;
    return a->maps[map].past.kind ? SAMPLED : UPDATED;
}

void eu_tally_account(const struct eu_tally *tally, struct eu_account *account) {
    *account = (struct eu_account){
        .map = tally->accounting->maps[tally->map].name,
        .kind = tally->buffer ? kind_of(tally->accounting, tally->map) : SAMPLED,
    };
    add_reader(account, tally);
    balance(tally->accounting, tally->map, &tally->before, account);
}

void eu_accounting_account(struct eu_accounting *a, int map, struct eu_account *account) {
    static const struct eu_counts none;
    pthread_mutex_lock(&a->lock);
    *account = a->maps[map].past;
    account->map = map < a->nr_maps ? a->maps[map].name : "(unclear)";
    account->kind = kind_of(a, map);
    for (const struct eu_tally *tally = a->readers; tally; tally = tally->next)
        if (tally->map == map) {
            if (tally->buffer && !a->version)
                eu_buffer_count_lost(tally->buffer);
            add_reader(account, tally);
            if (!tally->buffer)
                account->kind = SAMPLED;
        }
    pthread_mutex_unlock(&a->lock);
    balance(a, map, &none, account);
    if (map == a->nr_maps)
        account->known = 0;
}

int eu_accounting_tells(struct eu_accounting *a, int map) {
    struct eu_counts counts;
    int tells;
    if (map == a->nr_maps) {
        eu_accounting_read(a, map, &counts);
        return counts.map_full || counts.collisions;
    }
    tells = a->maps[map].has_updates || kind_of(a, map) != UPDATED;
    pthread_mutex_lock(&a->lock);
    for (const struct eu_tally *tally = a->readers; tally && !tells; tally = tally->next)
        tells = tally->map == map;
    tells |= done_in(&a->maps[map].past) > 0;
    pthread_mutex_unlock(&a->lock);
    return tells;
}

int eu_object_account(struct eu_object *object, int map, struct eu_account *account) {
    struct eu_accounting *a = eu_accounting_open(object);
    if (!a)
        return -eu_errno();
    if (map < 0 || map > a->nr_maps) {
        int maps = a->nr_maps;
        eu_accounting_close(a);
        return eu_fail(EINVAL, "read account: map %d of %d", map, maps);
    }
    int tells = eu_accounting_tells(a, map);
    if (tells)
        eu_accounting_account(a, map, account);
    eu_accounting_close(a); /* the object's own reference keeps the name */
    return tells;
}

int eu_object_accounting(struct eu_object *object) {
    struct eu_accounting *a = eu_accounting_open(object);
    int version = a ? a->version : 0;
    eu_accounting_close(a);
    return version;
}

/* The nth map that is no source of the run and has an account of its own, -1: there are fewer. */
static int other_map(const struct eu_run *run, int nth) {
    struct eu_accounting *a = run->accounting;
    for (int map = 0; a && map <= a->nr_maps; map++) {
        int is_source = 0;
        for (int i = 0; i < run->nr_sources; i++)
            is_source |= run->sources[i].map == map;
        if (!is_source && (map == a->nr_maps ? eu_accounting_tells(a, map) : a->maps[map].has_updates) && nth-- == 0)
            return map;
    }
    return -1;
}

int eu_run_accounts(struct eu_run *run) {
    if (run->replay)
        return eu_replay_accounts(run);
    int others = 0;
    while (other_map(run, others) >= 0)
        others++;
    return run->nr_sources + others;
}

int eu_run_account(struct eu_run *run, int source, struct eu_account *account) {
    if (run->replay)
        return eu_replay_account(run, source, account);
    int other = source >= run->nr_sources ? other_map(run, source - run->nr_sources) : -1;
    if (source < 0 || (source >= run->nr_sources && other < 0))
        return eu_fail(EINVAL, "read account: source %d of %d", source, eu_run_accounts(run));
    if (other >= 0) {
        eu_accounting_account(run->accounting, other, account);
        return 0;
    }
    const struct source *s = &run->sources[source];
    eu_tally_account(&s->tally, account);
    account->map = s->account.map;
    return 0;
}

int eu_run_is_settled(struct eu_run *run) {
    int is_settled = 1;
    for (int i = 0; i < run->nr_sources; i++) {
        struct eu_account account;
        if (!run->sources[i].buffer)
            continue;
        eu_buffer_count_lost(run->sources[i].buffer);
        eu_run_account(run, i, &account);
        is_settled &= !account.pending;
    }
    return is_settled;
}

static void put_count(struct eu_out *out, const char *name, int known, uint64_t count) {
    if (known)
        eu_out_format(out, ",\"%s\":%" PRIu64, name, count);
    else
        eu_out_format(out, ",\"%s\":null", name);
}

void eu_account_json(struct eu_out *out, const struct eu_account *account) {
    static const char *const kinds[] = {"", "ring", "perf", "sample", "map"};
    int unknown = account->known ? -1 : account->kind >= SAMPLED ? EU_MAP_FULL : EU_NO_ROOM, nr_lost = 0;
    eu_out_text(out, "{\"map\":");
    eu_quoted(out, account->map, strlen(account->map));
    eu_out_format(out, ",\"kind\":\"%s\",\"known\":%s", kinds[account->kind], account->known ? "true" : "false");
    put_count(out, "produced", account->known, account->produced);
    put_count(out, "delivered", 1, account->delivered);
    put_count(out, "filtered", 1, account->filtered);
    put_count(out, "discarded", 1, account->discarded);
    put_count(out, "pending", account->known, account->pending);
    eu_out_text(out, ",\"lost\":{");
    for (int cause = 0; cause < EU_CAUSES; cause++) {
        if (!account->lost[cause] && cause != unknown)
            continue;
        eu_out_format(out, "%s\"%s\":", nr_lost++ ? "," : "", eu_cause_name(cause, account->kind));
        if (account->lost[cause])
            eu_out_format(out, "%" PRIu64, account->lost[cause]);
        else
            eu_out_text(out, "null");
    }
    eu_out_text(out, "}}");
}
