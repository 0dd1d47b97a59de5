/* What the blocks of a recording hold. Their bytes may be anything: sizes are checked before memory is asked for, contents before they
 * are used. */
#include "error.h"
#include "plan_read.h"
#include "recording_parts.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAUSES_LIMIT = 64, ACCOUNTS_LIMIT = 4096, KINDS = 4 /* of struct eu_account */ };

static int take_part(struct eu_recording *r) {
    struct eu_out *part = &r->parts[r->head.type];
    if (part->used + r->content.used > EU_REC_PART_LIMIT)
        return eu_recording_damaged(r, "the package is too large");
    eu_out_put(part, r->content.data, r->content.used);
    return part->failed ? eu_fail(ENOMEM, "read recording %s: out of memory", r->name) : 0;
}

static int take_clock(struct eu_recording *r) {
    struct eu_clocks clocks;
    if (r->content.used < sizeof(clocks))
        return eu_recording_damaged(r, "too short for clocks");
    memcpy(&clocks, r->content.data, sizeof(clocks));
    if ((uint64_t)clocks.monotonic >> LATEST || (uint64_t)clocks.boottime >> LATEST || (uint64_t)clocks.realtime >> LATEST)
        return eu_recording_damaged(r, "clocks out of bounds");
    eu_clock_note(&r->clocks, &clocks);
    return 0;
}

static int take_facts(struct eu_recording *r) {
    int err = eu_facts_read(r->facts, (const uint8_t *)r->content.data, r->content.used, r->head.count);
    if (err == -ENOMEM)
        return eu_fail(ENOMEM, "read recording %s: out of memory", r->name);
    return err ? eu_recording_damaged(r, err == -EFBIG ? "too many names" : "names out of bounds") : 0;
}

static int take_account(struct eu_recording *r, size_t *at, struct eu_account *account) {
    struct eu_rec_account one;
    uint64_t lost;
    if (r->content.used - *at < sizeof(one))
        return -EBADMSG;
    memcpy(&one, r->content.data + *at, sizeof(one));
    *at += sizeof(one);
    if (one.kind < 1 || one.kind > KINDS || one.nr_lost > CAUSES_LIMIT || one.name_size > EU_REC_NAME_LIMIT ||
        r->content.used - *at < one.nr_lost * sizeof(lost) + one.name_size)
        return -EBADMSG;
    *account = (struct eu_account){.kind = (int)one.kind,
                                   .known = one.known == 1,
                                   .produced = one.produced,
                                   .delivered = one.delivered,
                                   .filtered = one.filtered,
                                   .discarded = one.discarded,
                                   .pending = one.pending};
    for (uint32_t i = 0; i < one.nr_lost; i++, *at += sizeof(lost)) {
        memcpy(&lost, r->content.data + *at, sizeof(lost));
        account->lost[i < EU_CAUSES ? i : EU_SINK_FAILED] += lost; /* a cause of a later version */
    }
    size_t name = r->names.used;
    eu_out_put(&r->names, r->content.data + *at, one.name_size);
    eu_out_char(&r->names, 0);
    *at += one.name_size;
    account->map = (const char *)name; /* its place, until all are there */
    return r->names.failed ? -ENOMEM : 0;
}

static int has_room(struct eu_recording *r, size_t count) {
    struct eu_account *larger = count > r->room_accounts ? realloc(r->accounts, count * sizeof(*larger)) : r->accounts;
    if (!larger)
        return count == 0;
    r->accounts = larger;
    r->room_accounts = count > r->room_accounts ? count : r->room_accounts;
    return 1;
}

static int take_accounts(struct eu_recording *r) {
    size_t at = 0;
    int err = 0;
    if (r->head.count < (uint32_t)eu_plan_sources(r->plan) || r->head.count > ACCOUNTS_LIMIT)
        return eu_recording_damaged(r, "not the accounts of the plan's sources");
    if (!has_room(r, r->head.count))
        return eu_fail(ENOMEM, "read recording %s: out of memory", r->name);
    r->read.losses = r->names.used = 0;
    r->read.nr_accounts = 0;
    for (uint32_t i = 0; i < r->head.count && !err; i++) {
        err = take_account(r, &at, &r->accounts[i]);
        for (int cause = 0; cause < EU_CAUSES && !err; cause++)
            r->read.losses += r->accounts[i].lost[cause];
    }
    if (err)
        return eu_recording_damaged(r, "accounts out of bounds");
    for (uint32_t i = 0; i < r->head.count; i++)
        r->accounts[i].map = r->names.data + (size_t)r->accounts[i].map;
    r->read.nr_accounts = (int)r->head.count;
    return 0;
}

static int take_end(struct eu_recording *r) {
    struct eu_rec_end end;
    if (r->content.used < sizeof(end))
        return eu_recording_damaged(r, "too short for an end");
    memcpy(&end, r->content.data, sizeof(end));
    r->read.is_ended = 1;
    r->read.ending = end.ending;
    return end.records == r->read.records ? 0 : eu_recording_damaged(r, "not as many records as the end says");
}

static int take_block(struct eu_recording *r) {
    switch (r->head.type) {
    case EU_BLOCK_META:
    case EU_BLOCK_PACKAGE:
    case EU_BLOCK_PLAN:
        return r->plan ? eu_recording_damaged(r, "a second description") : take_part(r);
    case EU_BLOCK_CLOCK:
        return take_clock(r);
    case EU_BLOCK_FACTS:
        return take_facts(r);
    case EU_BLOCK_RECORDS:
        if (r->head.count > r->content.used / sizeof(struct eu_rec_record))
            return eu_recording_damaged(r, "more records than bytes");
        r->at = 0;
        r->left = r->head.count;
        return 0;
    case EU_BLOCK_SAMPLE:
        r->read.samples += !(r->head.flags & EU_REC_MORE);
        return 0;
    case EU_BLOCK_ACCOUNTS:
        return take_accounts(r);
    case EU_BLOCK_END:
        return take_end(r);
    }
    return 0; /* of a later version, and nothing that must be understood */
}

static int read_block(struct eu_recording *r) {
    if (r->read.is_ended || r->read.is_cut)
        return 0;
    int got = eu_recording_load(r);
    if (got <= 0)
        return got;
    if (!r->plan && r->head.type > EU_BLOCK_PLAN)
        return eu_recording_damaged(r, "expected the description of what was recorded");
    int err = take_block(r);
    r->read.blocks++;
    return err ? err : r->head.type;
}

int eu_recording_next(struct eu_recording *r) {
    r->left = 0;
    r->at = r->content.used = 0;
    return read_block(r);
}

int eu_recording_record(struct eu_recording *r, struct eu_recorded *record) {
    struct eu_rec_record head;
    if (!r->left)
        return r->at == r->content.used || r->head.type != EU_BLOCK_RECORDS ? 0 : eu_recording_damaged(r, "more bytes than records");
    if (r->content.used - r->at < sizeof(head))
        return eu_recording_damaged(r, "more records than bytes");
    memcpy(&head, r->content.data + r->at, sizeof(head));
    r->at += sizeof(head);
    if (head.size > r->content.used - r->at)
        return eu_recording_damaged(r, "a record goes on behind the end");
    if (head.source >= r->plan->header.nr_sources || r->plan->sources[head.source].kind == EU_SAMPLE)
        return eu_recording_damaged(r, "a record of a source that is not there");
    *record = (struct eu_recorded){head.source, r->head.time + head.delay, r->content.data + r->at, head.size};
    r->at += head.size;
    r->left--;
    if (!r->read.records++)
        r->read.first = record->time;
    r->read.last = record->time > r->read.last ? record->time : r->read.last;
    r->read.of_bytes += head.size;
    r->seen[head.source]++;
    return 1;
}

int eu_recording_scan(struct eu_recording *r) {
    struct eu_recorded record;
    int type, got = 0;
    while (got >= 0 && (type = eu_recording_next(r)) > 0)
        while (type == EU_BLOCK_RECORDS && (got = eu_recording_record(r, &record)) > 0)
            continue;
    return got < 0 ? got : type;
}

long eu_recording_collect(struct eu_recording *r, int source, struct eu_batcher *batcher, size_t max_records) {
    struct eu_recorded record;
    size_t count = 0;
    long added = 0;
    int got = 0;
    if (source < 0 || source >= eu_plan_sources(r->plan))
        return eu_fail(EINVAL, "read recording %s: source %d", r->name, source);
    while (count < max_records && added >= 0) {
        got = eu_recording_record(r, &record);
        if (got == 0 && (got = eu_recording_next(r)) > 0)
            continue;
        if (got <= 0)
            break;
        added = record.source == source ? eu_batcher_add(batcher, record.bytes, record.size) : 0;
        count += added > 0;
    }
    return added < 0 ? added : got < 0 ? got : (long)count;
}

/* The parts; the last piece of the plan ends them. */
static int read_description(struct eu_recording *r) {
    int type;
    do
        type = read_block(r);
    while (type > 0 && (type != EU_BLOCK_PLAN || r->head.flags & EU_REC_MORE));
    if (type < 0)
        return type;
    if (!type)
        return eu_fail(EBADMSG, "read recording %s: cut off after block %llu, before any event", r->name,
                       (unsigned long long)r->read.blocks);
    r->plan = eu_plan_read(r->parts[EU_BLOCK_PLAN].data, r->parts[EU_BLOCK_PLAN].used);
    if (!r->plan)
        return -eu_errno();
    r->seen = calloc((size_t)eu_plan_sources(r->plan) + 1, sizeof(*r->seen));
    return r->seen ? 0 : eu_fail(ENOMEM, "read recording %s: out of memory", r->name);
}

struct eu_recording *eu_recording_open(int fd, const char *name) {
    struct eu_recording *r = calloc(1, sizeof(*r));
    if (!r)
        return eu_fail_null(ENOMEM, "read recording: out of memory");
    r->fd = fd;
    r->name = strdup(name);
    r->facts = eu_facts_new();
    if (!r->name || !r->facts)
        eu_fail(ENOMEM, "read recording: out of memory");
    else if (!eu_recording_header(r) && !read_description(r))
        return r;
    eu_recording_free(r);
    return NULL;
}

void eu_recording_hold(struct eu_recording *r) {
    r->users++;
}

void eu_recording_free(struct eu_recording *r) {
    if (!r || r->users--)
        return;
    for (int i = 0; i <= PARTS; i++)
        eu_out_free(&r->parts[i]);
    eu_out_free(&r->stored);
    eu_out_free(&r->content);
    eu_out_free(&r->names);
    eu_facts_free(r->facts);
    if (r->plan)
        eu_plan_free(r->plan);
    free(r->accounts);
    free(r->seen);
    free(r->name);
    free(r);
}

const void *eu_recording_part(const struct eu_recording *r, int type, size_t *size) {
    *size = type >= EU_BLOCK_META && type <= PARTS ? r->parts[type].used : 0;
    return *size ? r->parts[type].data : NULL;
}

int64_t eu_recording_wall(struct eu_recording *r, uint64_t time) {
    const struct eu_clock_history *before = eu_clock_use(&r->clocks);
    int64_t wall = eu_clock_wall(EU_CLOCK_MONOTONIC, time);
    eu_clock_use(before);
    return wall;
}

void eu_recording_tell(const struct eu_recording *r, struct eu_recording_facts *facts) {
    *facts = r->read;
}

int eu_recording_account(const struct eu_recording *r, int source, struct eu_account *account) {
    if (source < 0 || source >= r->read.nr_accounts)
        return eu_fail(EINVAL, "read account: source %d of %d", source, r->read.nr_accounts);
    *account = r->accounts[source];
    if (account->known && r->read.is_cut) {
        account->known = 0;
        account->why = EU_CUT;
    }
    uint64_t seen = source < eu_plan_sources(r->plan) ? r->seen[source] : 0;
    if (seen > account->delivered) { /* accounts are written once a second: some records came after the last */
        account->produced += seen - account->delivered;
        account->delivered = seen;
    }
    return 0;
}

const struct eu_clock_history *eu_recording_clocks(const struct eu_recording *r) {
    return &r->clocks;
}

struct eu_facts *eu_recording_names(struct eu_recording *r) {
    return r->facts;
}

int eu_recording_fd(const struct eu_recording *r) {
    return r->fd;
}

const struct eu_rec_block *eu_recording_block(const struct eu_recording *r, const uint8_t **content) {
    *content = (const uint8_t *)r->content.data;
    return &r->head;
}
