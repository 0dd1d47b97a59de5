/* What a run lost, told while it runs: a line on standard error at most once a second, and in a stream of JSON a line with the
 * key `$eunomia` where it happened: before the events that came afterwards. docs/reference/output.md. */
#define _GNU_SOURCE
#include "chain.h"
#include "error.h"
#include "run_parts.h"
#include "value.h"
#include "vanish.h"
#include <ctype.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const double STREAM_INTERVAL = 0.1, PERSON_INTERVAL = 1, LATER = 1e6;

int eu_run_has_stream(const struct eu_run *run) {
    return run->format.format == 1 && !run->format.compat && !run->keep;
}

/* What a user asked for is no news while it runs. */
static int is_asked(int cause) {
    return cause == EU_SAMPLED_OUT || cause == EU_RATE_LIMITED;
}

static uint64_t take_untold(const struct eu_account *account, uint64_t *told, int cause) {
    uint64_t count = account->lost[cause] > told[cause] ? account->lost[cause] - told[cause] : 0;
    told[cause] += count;
    return count;
}

/* How many accounts there are to tell of; 0: no memory for it. One more may appear: of updates whose map is not clear. */
static int nr_told(struct eu_run *run) {
    int nr_accounts = eu_run_accounts(run);
    if (!run->told && (run->told = calloc((size_t)nr_accounts + 1, sizeof(*run->told))))
        run->nr_told = nr_accounts + 1;
    return nr_accounts < run->nr_told ? nr_accounts : run->nr_told;
}

static void put_lost(struct eu_run *run, const char *map, int kind, uint64_t count, int cause) {
    eu_out_text(&run->out, "{\"$eunomia\":{\"lost\":{\"map\":");
    eu_quoted(&run->out, map, strlen(map));
    eu_out_format(&run->out, ",\"count\":%" PRIu64 ",\"cause\":\"%s\"}}}\n", count, eu_cause_name(cause, kind));
}

void eu_tell_gap(struct source *s, uint64_t count) {
    if (s->run->chain)
        eu_chain_flush(s->run->chain);
    if (s->run->keep) {
        eu_keep_lost(s->run->keep, s, EU_NO_ROOM, count);
        return;
    }
    if (nr_told(s->run))
        s->run->told[s->index].stream[EU_NO_ROOM] += count;
    put_lost(s->run, s->account.map, EU_RING, count, EU_NO_ROOM);
}

/* Into the stream, by source and cause. `is_last`: also what the user asked for, and of rings what has no place any more. */
static void tell_stream(struct eu_run *run, int is_last) {
    int nr_accounts = nr_told(run);
    for (int i = 0; i < nr_accounts; i++) {
        struct eu_account account;
        int has_place = i < run->nr_sources && (run->replay ? run->plan->sources[i].kind == EU_RING : run->sources[i].gap.is_open);
        eu_run_account(run, i, &account);
        for (int cause = 0; cause < EU_CAUSES; cause++) {
            int is_later = is_asked(cause) || (cause == EU_NO_ROOM && has_place);
            uint64_t count = is_later && !is_last ? 0 : take_untold(&account, run->told[i].stream, cause);
            if (count)
                put_lost(run, account.map, account.kind, count, cause);
        }
    }
}

/* Names come out of packages: nothing of them may move a cursor. */
static void put_name(struct eu_out *line, const char *name) {
    for (; *name; name++)
        eu_out_char(line, isprint((unsigned char)*name) ? *name : '?');
}

/* One line on tell_fd; 0: its reader is slow, tell it later. */
static int tell_person(struct eu_run *run) {
    struct pollfd ready = {.fd = run->options.tell_fd, .events = POLLOUT};
    struct eu_out line = {0};
    int nr_parts = 0, nr_accounts = nr_told(run);
    if (poll(&ready, 1, 0) <= 0)
        return 0;
    eu_out_format(&line, "%s: events:", run->options.program ? run->options.program : "eunomia");
    for (int i = 0; i < nr_accounts; i++) {
        struct eu_account account;
        eu_run_account(run, i, &account);
        for (int cause = 0; cause < EU_CAUSES; cause++) {
            uint64_t count = is_asked(cause) ? 0 : take_untold(&account, run->told[i].person, cause);
            if (!count)
                continue;
            eu_out_text(&line, nr_parts++ ? ", " : " ");
            if (nr_accounts > 1) {
                put_name(&line, account.map);
                eu_out_text(&line, ": ");
            }
            eu_out_format(&line, "%" PRIu64 " lost (%s)", count, eu_cause_name(cause, account.kind));
        }
    }
    eu_out_text(&line, " in the last second\n");
    if (nr_parts && !line.failed && write(run->options.tell_fd, line.data, line.used) < 0) {
        /* the line at exit has the sum */
    }
    eu_out_free(&line);
    return 1;
}

static uint64_t lost_so_far(struct eu_run *run, int from, int to) {
    uint64_t sum = 0;
    for (int i = from; i < to; i++) {
        struct eu_account account;
        eu_run_account(run, i, &account);
        for (int cause = 0; cause < EU_CAUSES; cause++)
            sum += is_asked(cause) ? 0 : account.lost[cause];
    }
    return sum;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Is there anything new? Maps that have no reader here are looked at less often. */
static void look(struct eu_run *run, double now) {
    uint64_t lost = lost_so_far(run, 0, run->nr_sources);
    if (now >= run->others_due) {
        run->others_due = now + STREAM_INTERVAL;
        run->lost_others = lost_so_far(run, run->nr_sources, eu_run_accounts(run));
    }
    if (lost + run->lost_others != run->lost) {
        run->lost = lost + run->lost_others;
        run->tell_stream = eu_run_has_stream(run);
        run->tell_person = run->options.tell_fd >= 0 && !run->options.live;
    }
}

void eu_run_tell(struct eu_run *run) {
    double now = seconds_now(), interval = run->options.tell_interval > 0 ? run->options.tell_interval : PERSON_INTERVAL;
    look(run, now);
    if (!run->tell_stream && !run->tell_person)
        return;
    if (run->tell_stream && now >= run->stream_due && run->refuse < 0) {
        tell_stream(run, 0);
        run->stream_due = now + STREAM_INTERVAL;
        run->tell_stream = 0;
    }
    if (run->tell_person && now >= run->person_due) {
        run->tell_person = !tell_person(run);
        run->person_due = now + interval;
    }
    /* what could not be told yet must not wait for the next event; a full queue tells when it has room */
    double due = run->tell_person ? run->person_due : now + LATER;
    if (run->tell_stream && run->refuse < 0 && run->stream_due < due)
        due = run->stream_due;
    if (due < now + LATER && run->teller >= 0)
        eu_run_arm(run->teller, due > now ? due - now : 0, 0);
}

void eu_run_tell_accounts(struct eu_run *run) {
    int nr_accounts = eu_run_has_stream(run) ? nr_told(run) : 0;
    uint64_t told = 0;
    if (!nr_accounts)
        return;
    tell_stream(run, 1);
    for (int i = 0; i < nr_accounts; i++)
        for (int cause = 0; cause < EU_CAUSES; cause++)
            told += run->told[i].stream[cause];
    for (int i = 0; i < nr_accounts && told; i++) {
        struct eu_account account;
        eu_run_account(run, i, &account);
        eu_out_text(&run->out, "{\"$eunomia\":{\"account\":");
        eu_account_json(&run->out, &account);
        eu_out_text(&run->out, "}}\n");
    }
}

/* One whole line in one write, whoever else writes there; for what cannot wait a second. */
void eu_run_vanished(struct eu_run *run) {
    char line[512];
    int found;
    while ((found = eu_vanish_next(run->vanish, line, sizeof(line)))) {
        if (found == 1 && run->options.warn_fd >= 0) {
            dprintf(run->options.warn_fd, "%s: %s\n", run->options.program ? run->options.program : "eunomia", line);
        } else if (found == 2 && run->ending == GOES_ON) {
            snprintf(run->failure, sizeof(run->failure), "%s", line);
            eu_run_ends(run, LAST_GONE);
        }
    }
}
