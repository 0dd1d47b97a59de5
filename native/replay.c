/* A recording in place of buffers: its records go through the same pipeline, at the times they had or as fast as it goes. */
#define _GNU_SOURCE
#include "error.h"
#include "recording.h"
#include "run_parts.h"
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

enum { SECOND = 1000000000 };

struct replay {
    struct eu_run *run;
    struct eu_recording *recording;
    struct eu_replay_options options;
    uint64_t first; /* recorded time of the first record; 0: none yet */
    int64_t began;  /* when it was replayed */
    int64_t wall;   /* of the present record */
    int64_t second; /* wall clock of the time column */
    uint64_t aggregate_due;
};

static int64_t monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t)SECOND + now.tv_nsec;
}

/* Sleep until the record's time has come; a signal or the reader's leaving ends it. */
static void wait_for(struct replay *r, uint64_t time) {
    double passed = (double)(time - r->first) / r->options.speed;
    int64_t due = r->began + (int64_t)(passed < 1e18 ? passed : 1e18), left;
    while (r->run->ending == GOES_ON && (left = due - monotonic()) > 0) {
        struct pollfd wait = {.fd = r->run->epoll, .events = POLLIN};
        struct timespec timeout = {left / SECOND, left % SECOND};
        eu_run_flush(r->run);
        if (ppoll(&wait, 1, &timeout, NULL) > 0)
            eu_run_look(r->run);
    }
}

/* Aggregates are shown at intervals of the recorded time. */
static void show_aggregate(struct replay *r, uint64_t time) {
    double interval = eu_aggregate_interval(r->run->aggregate);
    if (interval <= 0 || interval > 1e9)
        return;
    uint64_t step = (uint64_t)(interval * SECOND) + 1;
    if (!r->aggregate_due)
        r->aggregate_due = r->first + step;
    if (time < r->aggregate_due)
        return;
    r->run->now = r->aggregate_due;
    eu_run_show_aggregate(r->run);
    eu_run_flush(r->run);
    r->aggregate_due += (time - r->aggregate_due) / step * step + step;
}

/* 0: it lies outside of the time that is asked for. Otherwise its time has come. */
static int is_wanted(struct replay *r, struct source *s, uint64_t time, uint32_t count) {
    int64_t wall = eu_clock_wall(EU_CLOCK_MONOTONIC, time);
    if ((r->options.from && wall < r->options.from) || (r->options.to && wall >= r->options.to)) {
        s->account.filtered += count;
        return 0;
    }
    r->wall = wall;
    if (!r->first) {
        r->first = time;
        r->began = monotonic();
    }
    if (r->options.speed > 0 && time > r->first)
        wait_for(r, time);
    return 1;
}

static void take(struct replay *r, const struct eu_recorded *record) {
    struct eu_run *run = r->run;
    struct source *s = &run->sources[record->source];
    if (!is_wanted(r, s, record->time, 1))
        return;
    if (run->aggregate && record->time > r->first)
        show_aggregate(r, record->time);
    run->now = record->time;
    if (r->wall / SECOND != r->second) { /* a time column that shows more is made for each record */
        r->second = r->wall / SECOND;
        eu_run_time(run);
        eu_run_tick(run);
    }
    if (eu_pipeline_take(s, record->bytes, record->size) || run->out.used >= run->flush_at)
        eu_run_flush(run);
}

/* Folded stacks are shown once: of a map that was not emptied its last reading, else the sum of all. */
static void show_sample(struct replay *r, struct source *s, uint64_t time, int is_cleared) {
    r->run->now = time;
    s->final = r->run->format.format == 3 && !is_cleared;
    if (s->final)
        return;
    eu_run_show_sample(r->run, s);
    eu_run_flush(r->run);
}

static void show_rest(struct eu_run *run) {
    for (int i = 0; i < run->nr_sources; i++) {
        struct source *s = &run->sources[i];
        if (s->sample && s->final && run->ending >= 0)
            eu_run_show_sample(run, s);
        if (s->sample)
            eu_sample_finish(s->sample, &run->out);
    }
}

/* A snapshot of a map, or a part of one. */
static int take_sample(struct replay *r) {
    const uint8_t *content;
    const struct eu_rec_block *block = eu_recording_block(r->recording, &content);
    struct eu_rec_sample head;
    if (block->size < sizeof(head))
        return eu_recording_damaged(r->recording, "too short for a sample");
    memcpy(&head, content, sizeof(head));
    struct source *s = head.source < (uint32_t)r->run->nr_sources ? &r->run->sources[head.source] : NULL;
    size_t each = (size_t)head.key_size + head.value_size, size = block->size - sizeof(head);
    if (!s || !s->sample || !each || size / each != block->count || size % each)
        return eu_recording_damaged(r->recording, "sample out of bounds");
    const uint8_t *keys = content + sizeof(head), *values = keys + (size_t)block->count * head.key_size;
    const struct eu_snapshot part = {head.map_type, head.key_size, head.value_size, head.cpus, 0, block->count, keys, values};
    int err = eu_sample_put(s->sample, &part, !s->due);
    if (err)
        return eu_recording_damaged(r->recording, err == -ENOMEM ? "out of memory" : "a sample of another map");
    s->due = block->flags & EU_REC_MORE; /* its other parts come next */
    if (!s->due && is_wanted(r, s, block->time, block->count))
        show_sample(r, s, block->time, head.flags & 1);
    return 0;
}

/* Records were lost here: told in the stream, as while recording. */
static int take_lost(struct replay *r) {
    const uint8_t *content;
    const struct eu_rec_block *block = eu_recording_block(r->recording, &content);
    struct eu_run *run = r->run;
    struct eu_rec_lost lost;
    if (block->size != sizeof(lost))
        return eu_recording_damaged(r->recording, "no loss");
    memcpy(&lost, content, sizeof(lost));
    if (lost.source >= (uint32_t)run->nr_sources || run->plan->sources[lost.source].kind != EU_RING || lost.cause != EU_NO_ROOM)
        return eu_recording_damaged(r->recording, "a loss of a source that is not there");
    int64_t wall = eu_clock_wall(EU_CLOCK_MONOTONIC, block->time);
    int is_outside = (r->options.from && wall < r->options.from) || (r->options.to && wall >= r->options.to);
    if (eu_run_has_stream(run) && !is_outside)
        eu_tell_gap(&run->sources[lost.source], lost.count);
    return 0;
}

/* A pipe may have nothing yet: what is rendered does not wait for it. */
static void wait_for_block(struct eu_run *run, int fd) {
    struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = run->epoll, .events = POLLIN}};
    if (poll(wait, 1, 0))
        return;
    eu_run_flush(run);
    do {
        poll(wait, 2, -1);
        eu_run_look(run);
    } while (run->ending == GOES_ON && !wait[0].revents);
}

/* 1 go on, 0 the recording ends, or -errno. */
static int take_block(struct replay *r) {
    struct eu_recorded record;
    int type = eu_recording_next(r->recording), got = 0;
    if (type <= 0)
        return type;
    if (type == EU_BLOCK_CLOCK && !r->run->started.tv_sec) {
        struct eu_clock_span first = eu_recording_clocks(r->recording)->spans[0];
        r->run->started = (struct timespec){first.first / SECOND, first.first % SECOND};
    }
    while (type == EU_BLOCK_RECORDS && r->run->ending == GOES_ON && (got = eu_recording_record(r->recording, &record)) > 0)
        take(r, &record);
    if (type == EU_BLOCK_SAMPLE)
        got = take_sample(r);
    if (type == EU_BLOCK_LOST)
        got = take_lost(r);
    if (type == EU_BLOCK_ACCOUNTS) { /* what was lost is told where it was noticed */
        r->run->stream_due = 0;
        eu_run_tell(r->run);
    }
    return got < 0 ? got : 1;
}

int eu_run_replay(struct eu_run *run, struct eu_recording *recording, const struct eu_replay_options *options) {
    struct replay r = {.run = run, .recording = recording, .options = *options, .second = -1};
    int got = 1;
    if (run->replay)
        return eu_fail(EBUSY, "replay: this run has replayed a recording");
    run->replay = recording;
    eu_recording_hold(recording);
    const struct eu_clock_history *before = eu_clock_use(eu_recording_clocks(recording));
    eu_facts_use(eu_recording_names(recording), 1);
    eu_run_begin(run);
    run->started = (struct timespec){0};
    run->is_ending = 1; /* a slow reader is waited for: nothing is lost */
    while (run->ending == GOES_ON && got > 0) {
        eu_run_look(run);
        wait_for_block(run, eu_recording_fd(recording));
        if (run->ending == GOES_ON)
            got = take_block(&r);
        if (run->out.used && options->speed > 0)
            eu_run_flush(run);
    }
    eu_run_look(run); /* a signal that interrupted reading */
    eu_run_ends(run, got < 0 ? got : STOPPED);
    show_rest(run);
    int ending = eu_run_finish(run);
    eu_facts_use(NULL, 0);
    eu_clock_use(before);
    return ending;
}

int eu_replay_accounts(struct eu_run *run) {
    struct eu_recording_facts facts;
    eu_recording_tell(run->replay, &facts);
    return facts.nr_accounts > run->nr_sources ? facts.nr_accounts : run->nr_sources;
}

/* What the recording says, with what became of its records here: of those that it delivered into the file, these are the
 * replay's delivered, filtered and lost; pending are those that were not reached. */
int eu_replay_account(struct eu_run *run, int source, struct eu_account *account) {
    struct eu_recording_facts facts;
    struct eu_account was = {0};
    eu_recording_tell(run->replay, &facts);
    if (source >= run->nr_sources)
        return eu_recording_account(run->replay, source, account);
    int is_told = source < facts.nr_accounts && !eu_recording_account(run->replay, source, &was);
    *account = run->sources[source].account;
    uint64_t seen = account->delivered + account->filtered;
    for (int i = 0; i < EU_CAUSES; i++)
        seen += account->lost[i];
    uint64_t unseen = was.delivered > seen ? was.delivered - seen : 0, untold = seen > was.delivered ? seen - was.delivered : 0;
    account->kind = run->plan->sources[source].kind;
    account->known = is_told && was.known && facts.is_ended;
    account->why = !is_told || !was.known ? EU_UNCOUNTED : run->ending == STOPPED ? EU_CUT : EU_EARLY;
    account->produced = was.produced + untold;
    account->filtered += was.filtered;
    account->discarded = was.discarded;
    account->pending = was.pending + unseen;
    for (int i = 0; i < EU_CAUSES; i++)
        account->lost[i] += was.lost[i];
    return 0;
}
