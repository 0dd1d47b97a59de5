/* Where in a stream of JSON the losses of a ring buffer are told: behind what the ring held when it was full.
 *
 * A record is refused when it does not fit: the producer is then less than one record away from consumer + size. Both only grow, so
 * a loss that was not counted yet at one look lies behind the place that is found at that look, and nothing that was written after
 * the loss comes before it. Reading stops there, to tell; and it never goes further between two looks than what a full ring holds. */
#include "run_parts.h"

static uint64_t place_of_next(const struct source *s) {
    uint64_t producer, consumer = eu_buffer_position(s->buffer, &producer), full = consumer + eu_buffer_size(s->buffer);
    uint64_t place = full > consumer + s->gap.longest ? full - s->gap.longest : consumer;
    return place > producer ? place : producer;
}

void eu_gap_open(struct source *s) {
    const struct eu_plan_source *planned = &s->run->plan->sources[s->index];
    uint64_t longest = 0;
    if (!eu_buffer_is_ring(s->buffer) || !(eu_run_has_stream(s->run) || s->run->keep))
        return;
    for (uint32_t i = 0; i < planned->nr_records; i++) {
        uint64_t size = s->run->plan->records[planned->first_record + i].size;
        longest = size > longest ? size : longest;
    }
    s->gap.longest = (longest + 8 + 7) & ~(uint64_t)7;
    s->gap.is_open = s->gap.longest < eu_buffer_size(s->buffer);
    s->gap.next = place_of_next(s);
}

/* The place is found before losses are counted: those that come later lie behind it. */
static void notice(struct source *s) {
    struct eu_account account;
    uint64_t next = place_of_next(s);
    if (s->gap.is_due)
        return;
    eu_run_account(s->run, s->index, &account);
    if (account.lost[EU_NO_ROOM] > s->gap.told) {
        s->gap.is_due = 1;
        s->gap.at = s->gap.next;
        s->gap.noticed = account.lost[EU_NO_ROOM];
    }
    s->gap.next = next;
}

void eu_gap_look(struct source *s) {
    uint64_t producer;
    if (!s->gap.is_open || s->run->refuse >= 0) /* nothing is rendered now, and a queue that is full must not grow */
        return;
    notice(s);
    while (s->gap.is_due && eu_buffer_position(s->buffer, &producer) >= s->gap.at) {
        eu_tell_gap(s, s->gap.noticed - s->gap.told);
        s->gap.told = s->gap.noticed;
        s->gap.is_due = 0;
        notice(s);
    }
}

size_t eu_gap_take(struct source *s, size_t most) {
    const struct eu_run *run = s->run;
    size_t done = 0, got;
    if (!s->gap.is_open || run->refuse >= 0)
        return eu_buffer_consume(s->buffer, most, eu_pipeline_take, s);
    do {
        uint64_t producer, room = eu_buffer_size(s->buffer) - s->gap.longest, left = most - done;
        eu_gap_look(s);
        if (s->gap.is_due)
            room = s->gap.at - eu_buffer_position(s->buffer, &producer);
        done += got = eu_buffer_consume(s->buffer, room < left ? room : left, eu_pipeline_take, s);
    } while (got && done < most && run->out.used < run->flush_at && !run->out.failed);
    return done;
}
