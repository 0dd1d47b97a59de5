/* Writes a recording: whatever happens to the process, the blocks that were written are whole. */
#include "recorder.h"
#include "clock.h"
#include "error.h"
#include "out.h"
#include "sample.h"
#include "signals.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { PART_LEVEL = 6, CLOCK_NS = 1000000000 };

struct eu_recorder {
    int users;                       /* besides the first */
    int fd, level, is_begun, failed; /* failed: errno of the write that failed; nothing is written after it */
    char *name;
    struct eu_out block; /* room for a block's header, then its content */
    struct eu_out packed;
    uint32_t count;      /* records in the block */
    uint64_t since;      /* time of the first one */
    uint64_t *unwritten; /* by source */
    size_t room_unwritten;
    uint64_t sequence, records, samples, bytes, clock_due;
    struct eu_facts *facts;
};

static uint32_t crc_of(const void *bytes, size_t size) {
    return (uint32_t)crc32_z(0, bytes, size);
}

/* Take back what was written of a block, so that the file ends with a whole one. */
static int write_failed(struct eu_recorder *r, int err, size_t written) {
    struct stat file;
    r->failed = err;
    if (written && !fstat(r->fd, &file) && S_ISREG(file.st_mode) && !ftruncate(r->fd, file.st_size - (off_t)written))
        lseek(r->fd, 0, SEEK_END);
    return eu_fail(err, "write recording %s: %s", r->name, eu_strerror(err));
}

static int write_all(struct eu_recorder *r, const char *bytes, size_t size) {
    size_t done = 0;
    if (r->failed)
        return eu_fail(r->failed, "write recording %s: %s", r->name, eu_strerror(r->failed));
    while (done < size) {
        ssize_t n = write(r->fd, bytes + done, size - done);
        struct pollfd wait = {.fd = r->fd, .events = POLLOUT};
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            poll(&wait, 1, 1000);
        else if (errno != EINTR)
            return write_failed(r, errno, done);
        if (n < 0 && eu_signals_count() > 1) /* a reader that does not read */
            return write_failed(r, EINTR, done);
    }
    r->bytes += size;
    return 0;
}

/* Put the header before the content, which stands behind its room in `out`, and write both at once. */
static int write_block(struct eu_recorder *r, struct eu_out *out, struct eu_rec_block *head, int level) {
    struct eu_out *from = out;
    if (out->failed || out->used < sizeof(*head))
        return eu_fail(ENOMEM, "write recording %s: out of memory", r->name);
    head->size = head->stored = (uint32_t)(out->used - sizeof(*head));
    if (level && head->size > 64) {
        uLongf packed = compressBound(head->size);
        r->packed.used = 0;
        char *w = eu_out_room(&r->packed, sizeof(*head) + packed);
        if (w && compress2((Bytef *)w + sizeof(*head), &packed, (const Bytef *)out->data + sizeof(*head), head->size, level) == Z_OK &&
            packed < head->size) {
            head->stored = (uint32_t)packed;
            head->flags |= EU_REC_PACKED;
            from = &r->packed;
        }
    }
    memcpy(head->magic, EU_REC_BLOCK, sizeof(head->magic));
    head->sequence = r->sequence;
    head->content_crc = crc_of(from->data + sizeof(*head), head->stored);
    head->crc = crc_of(head, offsetof(struct eu_rec_block, crc));
    memcpy(from->data, head, sizeof(*head));
    int err = write_all(r, from->data, sizeof(*head) + head->stored);
    r->sequence += !err;
    return err;
}

static struct eu_out begin_block(void) {
    struct eu_out out = {0};
    if (eu_out_room(&out, sizeof(struct eu_rec_block)))
        out.used = sizeof(struct eu_rec_block);
    return out;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int write_content(struct eu_recorder *r, int type, uint32_t count, uint16_t flags, const void *bytes, size_t size, int level) {
    struct eu_out out = begin_block();
    struct eu_rec_block head = {.type = (uint16_t)type, .flags = flags, .count = count, .time = now()};
    eu_out_put(&out, bytes, size);
    int err = write_block(r, &out, &head, level);
    eu_out_free(&out);
    return err;
}

struct eu_recorder *eu_recorder_new(int fd, const char *name, int level) {
    struct eu_recorder *r = calloc(1, sizeof(*r));
    struct eu_rec_header head = {.version = EU_REC_VERSION, .size = sizeof(head)};
    if (!r)
        return eu_fail_null(ENOMEM, "record: out of memory");
    memcpy(head.magic, EU_REC_MAGIC, sizeof(head.magic));
    r->fd = fd;
    r->level = level;
    r->name = strdup(name);
    r->facts = eu_facts_new();
    r->block = begin_block();
    head.crc = crc_of(&head, offsetof(struct eu_rec_header, crc));
    if (!r->name || !r->facts || !eu_out_room(&r->block, EU_RECORDER_FULL))
        eu_fail(ENOMEM, "record: out of memory");
    else if (!write_all(r, (const char *)&head, sizeof(head)))
        return r;
    eu_recorder_free(r);
    return NULL;
}

void eu_recorder_hold(struct eu_recorder *r) {
    r->users++;
}

void eu_recorder_free(struct eu_recorder *r) {
    if (!r || r->users--)
        return;
    eu_facts_free(r->facts);
    eu_out_free(&r->block);
    eu_out_free(&r->packed);
    free(r->unwritten);
    free(r->name);
    free(r);
}

int eu_recorder_part(struct eu_recorder *r, int type, const void *bytes, size_t size) {
    size_t done = 0;
    if (type < EU_BLOCK_META || type > EU_BLOCK_PLAN || size > EU_REC_PART_LIMIT || r->is_begun)
        return eu_fail(EINVAL, "write recording %s: part %d of %zu bytes", r->name, type, size);
    do {
        size_t some = size - done < EU_REC_BLOCK_LIMIT ? size - done : EU_REC_BLOCK_LIMIT;
        uint16_t more = done + some < size ? EU_REC_MORE : 0;
        int err = write_content(r, type, 1, more, (const uint8_t *)bytes + done, some, PART_LEVEL);
        if (err)
            return err;
        done += some;
    } while (done < size);
    return 0;
}

static int put_clocks(struct eu_recorder *r, const struct eu_clocks *clocks) {
    r->is_begun = 1;
    return write_content(r, EU_BLOCK_CLOCK, 1, 0, clocks, sizeof(*clocks), 0);
}

int eu_recorder_clock(struct eu_recorder *r, int64_t monotonic, int64_t boottime, int64_t realtime) {
    struct eu_clocks clocks = {monotonic, boottime, realtime};
    r->clock_due = UINT64_MAX; /* not this machine's */
    return put_clocks(r, &clocks);
}

int eu_recorder_clocks(struct eu_recorder *r) {
    struct eu_clocks clocks;
    if (r->clock_due && now() < r->clock_due)
        return 0;
    eu_clocks_read(&clocks);
    r->clock_due = (uint64_t)clocks.monotonic + CLOCK_NS;
    return put_clocks(r, &clocks);
}

/* A reading of many stacks may have more of them than a block holds. */
static int write_facts(struct eu_recorder *r) {
    const void *news;
    uint32_t count;
    size_t size;
    int err = 0;
    while (!err && (news = eu_facts_news(r->facts, EU_REC_BLOCK_LIMIT, &size, &count)))
        err = write_content(r, EU_BLOCK_FACTS, count, 0, news, size, r->level);
    return err;
}

int eu_recorder_flush(struct eu_recorder *r) {
    struct eu_rec_block head = {.type = EU_BLOCK_RECORDS, .count = r->count, .time = r->since};
    if (!r->count)
        return r->failed ? write_all(r, NULL, 0) : 0;
    int err = eu_recorder_clocks(r);
    if (!err)
        err = write_facts(r);
    if (!err)
        err = write_block(r, &r->block, &head, r->level);
    r->block.used = sizeof(head);
    if (!err) {
        r->records += r->count;
        r->count = 0;
        memset(r->unwritten, 0, r->room_unwritten * sizeof(*r->unwritten));
    }
    return err;
}

static int is_counted(struct eu_recorder *r, int source) {
    size_t room = (size_t)source + 16;
    if ((size_t)source < r->room_unwritten)
        return 1;
    uint64_t *larger = realloc(r->unwritten, room * sizeof(*larger));
    if (!larger)
        return 0;
    memset(larger + r->room_unwritten, 0, (room - r->room_unwritten) * sizeof(*larger));
    r->unwritten = larger;
    r->room_unwritten = room;
    return 1;
}

int eu_recorder_add(struct eu_recorder *r, int source, uint64_t time, const void *record, size_t size) {
    struct eu_rec_record head = {.size = (uint32_t)size, .source = (uint16_t)source};
    size_t whole = sizeof(head) + size;
    if (source < 0 || source >= EU_REC_SOURCES || whole > EU_REC_BLOCK_LIMIT)
        return eu_fail(EMSGSIZE, "record: %zu bytes of source %d: too many for a block", size, source);
    if (r->count && (r->block.used + whole > EU_RECORDER_FULL || time < r->since || time - r->since > UINT32_MAX)) {
        int err = eu_recorder_flush(r);
        if (err)
            return err;
    }
    char *w = r->failed || !is_counted(r, source) ? NULL : eu_out_room(&r->block, whole);
    if (!w)
        return r->failed ? -r->failed : eu_fail(ENOMEM, "record: out of memory");
    if (!r->count)
        r->since = time;
    head.delay = (uint32_t)(time - r->since);
    memcpy(w, &head, sizeof(head));
    memcpy(w + sizeof(head), record, size);
    r->block.used += whole;
    r->count++;
    r->unwritten[source]++;
    return 0;
}

/* One block of a snapshot. */
static int write_elements(struct eu_recorder *r, int source, const struct eu_snapshot *s, size_t first, size_t count) {
    struct eu_out out = begin_block();
    struct eu_rec_block head = {.type = EU_BLOCK_SAMPLE, .count = (uint32_t)count, .time = now()};
    struct eu_rec_sample sample = {(uint32_t)source, s->map_type, s->key_size, s->value_size, s->cpus, s->is_cleared};
    head.flags = first + count < s->count ? EU_REC_MORE : 0;
    eu_out_put(&out, &sample, sizeof(sample));
    eu_out_put(&out, s->keys + first * s->key_size, count * s->key_size);
    eu_out_put(&out, s->values + first * s->value_size, count * s->value_size);
    int err = write_block(r, &out, &head, r->level);
    eu_out_free(&out);
    return err;
}

int eu_recorder_sample(struct eu_recorder *r, int source, const struct eu_snapshot *s) {
    size_t each = (size_t)s->key_size + s->value_size, most = (EU_REC_BLOCK_LIMIT - sizeof(struct eu_rec_sample)) / (each + !each);
    if (!most || !each)
        return eu_fail(EMSGSIZE, "record: an element of %zu bytes does not fit into a block", each);
    int err = eu_recorder_flush(r);
    if (!err)
        err = eu_recorder_clocks(r);
    if (!err)
        err = write_facts(r);
    for (size_t done = 0; done < s->count && !err; done += most)
        err = write_elements(r, source, s, done, s->count - done < most ? s->count - done : most);
    r->samples += !err;
    return err;
}

static void put_account(struct eu_out *out, const struct eu_account *a) {
    struct eu_rec_account one = {
        .kind = (uint32_t)a->kind,
        .known = (uint32_t)a->known,
        .produced = a->produced,
        .delivered = a->delivered,
        .filtered = a->filtered,
        .discarded = a->discarded,
        .pending = a->pending,
        .nr_lost = EU_CAUSES,
        .name_size = (uint32_t)strnlen(a->map, EU_REC_NAME_LIMIT),
    };
    eu_out_put(out, &one, sizeof(one));
    eu_out_put(out, a->lost, sizeof(a->lost));
    eu_out_put(out, a->map, one.name_size);
}

int eu_recorder_accounts(struct eu_recorder *r, const struct eu_account *accounts, int nr_accounts) {
    struct eu_out out = begin_block();
    struct eu_rec_block head = {.type = EU_BLOCK_ACCOUNTS, .count = (uint32_t)nr_accounts, .time = now()};
    for (int i = 0; i < nr_accounts; i++)
        put_account(&out, &accounts[i]);
    int err = eu_recorder_flush(r);
    if (!err)
        err = write_block(r, &out, &head, 0);
    eu_out_free(&out);
    return err;
}

int eu_recorder_lost(struct eu_recorder *r, int source, int cause, uint64_t count) {
    struct eu_rec_lost lost = {.source = (uint32_t)source, .cause = (uint32_t)cause, .count = count};
    int err = eu_recorder_flush(r);
    return err ? err : write_content(r, EU_BLOCK_LOST, 1, 0, &lost, sizeof(lost), 0);
}

int eu_recorder_end(struct eu_recorder *r, int ending) {
    int err = eu_recorder_flush(r);
    struct eu_rec_end end = {.records = r->records, .bytes = r->bytes, .ending = ending};
    return err ? err : write_content(r, EU_BLOCK_END, 1, 0, &end, sizeof(end), 0);
}

uint64_t eu_recorder_since(const struct eu_recorder *r) {
    return r->count ? r->since : 0;
}

uint64_t eu_recorder_unwritten(const struct eu_recorder *r, int source) {
    return (size_t)source < r->room_unwritten ? r->unwritten[source] : 0;
}

uint64_t eu_recorder_records(const struct eu_recorder *r) {
    return r->records;
}

uint64_t eu_recorder_samples(const struct eu_recorder *r) {
    return r->samples;
}

uint64_t eu_recorder_bytes(const struct eu_recorder *r) {
    return r->bytes;
}

struct eu_facts *eu_recorder_facts(struct eu_recorder *r) {
    return r->facts;
}
