/* What becomes of a record: filtered, dropped by a drill, sampled out, held back by a rate limit, or delivered: as a line, into
 * an aggregate, into a recording. Whatever is decided is counted: docs/reference/accounting.md. */
#include "chain.h"
#include "run_parts.h"
#include <errno.h>

void eu_pipeline_header(struct source *s, int match) {
    struct eu_run *run = s->run;
    int every = run->format.header == 2 && run->format.screen_rows > 1 ? run->format.screen_rows - 1 : 0;
    if ((run->format.format && run->format.format != 4) || !run->format.header || match < 0)
        return;
    if (run->format.format == 4) { /* one header for the rows of all sources */
        for (s = run->sources; !s->view; s++)
            ;
        match = every = 0;
    }
    if (s->headed[match] && (!every || run->lines - s->headed[match] < (uint64_t)every))
        return;
    eu_view_header(s->view, &run->out, match);
    s->headed[match] = ++run->lines;
}

static int has_samples(const struct eu_run *run) {
    for (int i = 0; i < run->nr_sources; i++) {
        if (run->sources[i].sample)
            return 1;
    }
    return 0;
}

/* Headers that need not wait for a row: of the only type of rows there can be. The others stand above their first row. */
void eu_pipeline_headers(struct eu_run *run) {
    int one_view = run->nr_views == 1 && !has_samples(run);
    for (int i = 0; i < run->nr_sources && !run->aggregate && !run->keep; i++) {
        struct source *s = &run->sources[i];
        int nr_types = s->view ? eu_view_types(s->view) : 0;
        int is_only = run->format.format == 4 || (one_view && nr_types == 1);
        for (int t = 0; t < nr_types && (is_only || run->format.compat); t++)
            eu_pipeline_header(s, t);
    }
}

/* xorshift64: a drill needs no better dice. */
static int is_drilled(struct source *s) {
    s->drill ^= s->drill << 13;
    s->drill ^= s->drill >> 7;
    s->drill ^= s->drill << 17;
    return (double)(s->drill >> 11) * 0x1p-53 < s->run->options.drill_loss;
}

static uint64_t rounded_up(double x) {
    uint64_t whole = (uint64_t)x;
    return whole + ((double)whole < x);
}

/* Each second has its share, which for limits like 0.5 is not always the same. */
static int is_over_rate(struct source *s) {
    static const double MOST = 1e9; /* no source has more; sums of more would not be exact */
    const struct eu_run *run = s->run;
    double limit = run->options.rate_limit < MOST ? run->options.rate_limit : MOST;
    if (s->second != run->second) {
        s->second = run->second;
        s->allowed = rounded_up((double)run->second * limit) - rounded_up((double)(run->second - 1) * limit);
    }
    if (!s->allowed)
        return 1;
    s->allowed--;
    return 0;
}

/* What drops a record that could be shown: a cause, EU_CAUSES: filtered, or -1: nothing. */
static inline int verdict(struct source *s, int match, const uint8_t *record, size_t size) {
    const struct eu_run *run = s->run;
    const struct eu_run_options *o = &run->options;
    if (run->filter && !eu_filter_pass(run->filter, s->index, match, record, size, NULL))
        return EU_CAUSES;
    if (o->drill_loss > 0 && is_drilled(s))
        return EU_DRILL;
    if (o->sample > 1 && s->seen++ % o->sample)
        return EU_SAMPLED_OUT;
    if (o->rate_limit > 0 && is_over_rate(s))
        return EU_RATE_LIMITED;
    return -1;
}

/* Render, aggregate or record; a cause, EU_CAUSES: left out, or -1: delivered. */
static inline int deliver(struct source *s, int match, const uint8_t *record, size_t size) {
    struct eu_run *run = s->run;
    if (run->refuse >= 0 && (run->is_over || !(run->aggregate || run->keep)))
        return run->refuse;
    if (run->keep)
        return eu_keep_record(run->keep, s, record, size) ? EU_SINK_FAILED : -1;
    if (run->aggregate) {
        int left_out = eu_aggregate_add(run->aggregate, s->index, match, record, size);
        return left_out < 0 ? EU_SINK_FAILED : left_out ? EU_CAUSES : -1;
    }
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

static void count(struct source *s, int cause) {
    if (cause == EU_CAUSES)
        s->account.filtered++;
    else
        s->account.lost[cause]++;
}

/* It is in the output. One that a guest added is in no account. */
static void delivered(struct source *s, int is_added) {
    struct eu_run *run = s->run;
    if (run->aggregate || run->keep) {
        s->account.delivered += !is_added;
    } else {
        s->queued += !is_added;
        eu_output_mark(&run->output, &run->out, s->index, !is_added);
    }
    if (++run->delivered == run->options.max_events)
        eu_run_ends(run, MAX_EVENTS);
}

void eu_pipeline_deliver(struct source *s, const struct eu_item *item, const uint8_t *record, const char *members) {
    int match = eu_view_match(s->view, record, item->size); /* it may have been changed */
    int cause = s->run->ending == MAX_EVENTS ? EU_CAUSES : match < 0 ? EU_UNDECODABLE : deliver(s, match, record, item->size);
    if (cause >= 0) {
        if (!item->is_added)
            count(s, cause);
        return;
    }
    if (item->nr_bytes && !s->run->aggregate && !s->run->keep)
        eu_chain_members(s->run, members, item->nr_bytes);
    delivered(s, item->is_added);
}

static __attribute__((noinline)) int take(struct source *s, const uint8_t *record, size_t size) {
    struct eu_run *run = s->run;
    if (run->ending == MAX_EVENTS) { /* nobody wants it */
        s->account.filtered++;
        return 0;
    }
    int match = run->format.format == 2 && !run->filter && !run->chain ? 0 : eu_view_match(s->view, record, size);
    int cause = match < 0 ? EU_UNDECODABLE : verdict(s, match, record, size);
    if (cause < 0 && run->chain)
        eu_chain_add(run->chain, (uint32_t)s->index, (uint32_t)match, record, size);
    else if (cause < 0)
        cause = deliver(s, match, record, size);
    if (cause >= 0)
        count(s, cause);
    else if (!run->chain)
        delivered(s, 0);
    else
        return run->out.used >= run->flush_at || run->out.failed;
    return cause < 0 && (run->ending == MAX_EVENTS || run->out.used >= run->flush_at || run->out.failed);
}

int eu_pipeline_take(void *source, const uint8_t *record, size_t size) {
    struct source *s = source;
    if (eu_filter_quick_drops(&s->quick, record, size)) { /* before all that the others need is made ready */
        s->account.filtered++;
        return 0;
    }
    return take(s, record, size);
}
