/* The words of the accounts, and one source's account from what the object, the kernel and the run counted. */
#include "error.h"
#include "run_parts.h"
#include <errno.h>

const char *eu_cause_name(int cause, int kind) {
    static const char *const names[EU_CAUSES] = {
        [EU_NO_ROOM] = "ring full",       [EU_MAP_FULL] = "map full",       [EU_COLLISION] = "stack collision",
        [EU_UNDECODABLE] = "undecodable", [EU_QUEUE_FULL] = "queue full",   [EU_SINK_FAILED] = "sink failed",
        [EU_SAMPLED_OUT] = "sampled out", [EU_RATE_LIMITED] = "rate limit", [EU_DRILL] = "drill",
    };
    if (cause < 0 || cause >= EU_CAUSES)
        return "?";
    return cause == EU_NO_ROOM && kind == EU_PERF ? "perf buffer full" : names[cause];
}

int eu_run_account(struct eu_run *run, int source, struct eu_account *account) {
    if (source < 0 || source >= run->nr_sources)
        return eu_fail(EINVAL, "read account: source %d of %d", source, run->nr_sources);
    struct source *s = &run->sources[source];
    struct eu_counts counts;
    if (run->replay) {
        eu_replay_account(run, source, account);
        return 0;
    }
    *account = s->account; /* before what is produced: pending is never negative */
    account->kind = run->plan->sources[source].kind;
    uint64_t discarded = s->buffer ? eu_buffer_discarded(s->buffer) : 0, lost = s->buffer ? eu_buffer_lost(s->buffer) : 0;
    eu_accounting_read(run->accounting, s->map, &counts);
    if (!s->buffer) {
        account->lost[EU_MAP_FULL] = counts.failures;
        account->known = counts.known;
        return 0;
    }
    account->known = counts.known;
    account->discarded = discarded > counts.wakes ? discarded - counts.wakes : 0;
    account->lost[EU_NO_ROOM] = counts.failures > lost ? counts.failures : lost;
    uint64_t done = account->delivered + account->filtered + account->discarded;
    for (int i = 0; i < EU_CAUSES; i++)
        done += account->lost[i];
    account->produced = counts.known ? counts.calls : done;
    account->pending = account->produced > done ? account->produced - done : 0;
    return 0;
}
