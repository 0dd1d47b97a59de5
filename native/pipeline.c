/* What becomes of a record: dropped by a drill, filtered, sampled out, held back by a rate limit, or delivered: as a line, into
 * an aggregate, into a recording. Whatever is decided is counted: docs/reference/accounting.md. */
#include "run_parts.h"
#include <errno.h>
#include <time.h>

void eu_pipeline_header(struct source *s, int match) {
    struct eu_run *run = s->run;
    int every = run->format.header == 2 && run->format.screen_rows > 1 ? run->format.screen_rows - 1 : 0;
    if ((run->format.format && run->format.format != 4) || !run->format.header || match < 0)
        return;
    if (s->headed[match] >= 0 && (!every || run->lines - (uint64_t)s->headed[match] < (uint64_t)every))
        return;
    eu_view_header(s->view, &run->out, match);
    run->lines++;
    s->headed[match] = (int)(run->lines & INT32_MAX);
}

/* xorshift64: a drill needs no better dice. */
static int is_drilled(struct source *s) {
    s->drill ^= s->drill << 13;
    s->drill ^= s->drill >> 7;
    s->drill ^= s->drill << 17;
    return (double)(s->drill >> 11) * 0x1p-53 < s->run->options.drill_loss;
}

static int is_over_rate(struct source *s) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    double passed = (double)(now.tv_sec - s->second.tv_sec) + (double)(now.tv_nsec - s->second.tv_nsec) * 1e-9;
    if (passed >= 1) {
        s->second = now;
        s->allowed = 0;
    }
    return (double)s->allowed++ >= s->run->options.rate_limit;
}

/* What drops a record that could be shown: a cause, EU_CAUSES: filtered, or -1: nothing. */
static inline int verdict(struct source *s, int match, const uint8_t *record, size_t size) {
    const struct eu_run *run = s->run;
    const struct eu_run_options *o = &run->options;
    if (o->drill_loss > 0 && is_drilled(s))
        return EU_DRILL;
    if (run->filter && !eu_filter_pass(run->filter, s->index, match, record, size, NULL))
        return EU_CAUSES;
    if (o->sample > 1 && s->seen++ % o->sample)
        return EU_SAMPLED_OUT;
    if (o->rate_limit > 0 && is_over_rate(s))
        return EU_RATE_LIMITED;
    return -1;
}

/* Render, aggregate or record; a cause, or -1: delivered. */
static inline int deliver(struct source *s, int match, const uint8_t *record, size_t size) {
    struct eu_run *run = s->run;
    if (run->keep)
        return eu_keep_record(run->keep, s, record, size) ? EU_SINK_FAILED : -1;
    if (run->aggregate)
        return eu_aggregate_add(run->aggregate, s->index, match, record, size) ? EU_SINK_FAILED : -1;
    if (run->format.format == 2) {
        eu_out_put(&run->out, record, size);
        return -1;
    }
    if (run->format.time > 1)
        eu_run_time(run);
    eu_pipeline_header(s, match);
    int err = eu_view_record(s->view, &run->out, run->time, run->time_size, match, record, size);
    if (err)
        return err == -EBADMSG ? EU_UNDECODABLE : EU_SINK_FAILED;
    run->lines++;
    return -1;
}

int eu_pipeline_take(void *source, const uint8_t *record, size_t size) {
    struct source *s = source;
    struct eu_run *run = s->run;
    if (run->ending == MAX_EVENTS) { /* nobody wants it */
        s->account.filtered++;
        return 0;
    }
    int match = (run->format.format == 2 || run->keep) && !run->filter ? 0 : eu_view_match(s->view, record, size);
    int cause = match < 0 ? EU_UNDECODABLE : verdict(s, match, record, size);
    if (cause < 0)
        cause = deliver(s, match, record, size);
    if (cause >= 0) {
        if (cause == EU_CAUSES)
            s->account.filtered++;
        else
            s->account.lost[cause]++;
        return 0;
    }
    s->account.delivered++;
    if (++run->delivered == run->options.max_events)
        eu_run_ends(run, MAX_EVENTS);
    return run->ending == MAX_EVENTS || run->out.used >= OUT_HIGH || run->out.failed;
}
