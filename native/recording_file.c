/* The file of a recording: blocks whose headers, checksums and sizes are right, up to its end or to where it is cut. */
#include "error.h"
#include "recording_parts.h"
#include "signals.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

int eu_recording_damaged(const struct eu_recording *r, const char *what) {
    return eu_fail(EBADMSG, "read recording %s: block %llu at byte %llu: %s", r->name, (unsigned long long)r->read.blocks,
                   (unsigned long long)r->place, what);
}

/* As many of the bytes as there are before the end; -EINTR: a signal came while waiting. */
static ssize_t read_up_to(struct eu_recording *r, void *bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(r->fd, (char *)bytes + done, size - done);
        struct pollfd wait = {.fd = r->fd, .events = POLLIN};
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            poll(&wait, 1, -1);
        else if (errno != EINTR)
            return eu_fail(errno, "read recording %s: %s", r->name, eu_strerror(errno));
        if (n < 0 && (!r->plan || eu_signals_count()))
            return eu_fail(EINTR, "read recording %s: interrupted", r->name);
    }
    r->read.bytes += done;
    return (ssize_t)done;
}

static int is_zero(const void *bytes, size_t size) {
    const uint8_t *p = bytes;
    while (size && !*p)
        p++, size--;
    return !size;
}

/* 1: there is a block; 0: the file ends here. */
static int read_head(struct eu_recording *r) {
    struct eu_rec_block *h = &r->head;
    r->place = r->read.bytes;
    ssize_t got = read_up_to(r, h, sizeof(*h));
    if (got < 0)
        return (int)got;
    /* zeroes: a file system that had given the file its length, but not its bytes, when the power failed */
    if (got < (ssize_t)sizeof(*h) || is_zero(h, sizeof(*h))) {
        r->read.is_cut = 1;
        return 0;
    }
    if (memcmp(h->magic, EU_REC_BLOCK, sizeof(h->magic)))
        return eu_recording_damaged(r, "no block starts here");
    if (h->crc != (uint32_t)crc32_z(0, (const void *)h, offsetof(struct eu_rec_block, crc)))
        return eu_recording_damaged(r, "checksum of the header does not match");
    if (h->sequence != r->read.blocks)
        return eu_recording_damaged(r, "not the one that should follow");
    if (h->size > EU_REC_BLOCK_LIMIT || h->stored > EU_REC_BLOCK_LIMIT || h->flags & ~(EU_REC_PACKED | EU_REC_MORE) ||
        (!(h->flags & EU_REC_PACKED) && h->stored != h->size) || h->time >> LATEST)
        return eu_recording_damaged(r, "header out of bounds");
    return 1;
}

static int unpack(struct eu_recording *r) {
    uLongf size = r->head.size;
    r->content.used = 0;
    if (!eu_out_room(&r->content, r->head.size + 1))
        return eu_fail(ENOMEM, "read recording %s: out of memory", r->name);
    if (uncompress((Bytef *)r->content.data, &size, (const Bytef *)r->stored.data, r->head.stored) != Z_OK || size != r->head.size)
        return eu_recording_damaged(r, "cannot be unpacked");
    r->content.used = size;
    return 0;
}

/* 1: the block's content is in `content`; 0: the file ends within it. */
static int read_content(struct eu_recording *r) {
    struct eu_out *to = r->head.flags & EU_REC_PACKED ? &r->stored : &r->content;
    to->used = 0;
    if (!eu_out_room(to, r->head.stored + 1))
        return eu_fail(ENOMEM, "read recording %s: out of memory", r->name);
    ssize_t got = read_up_to(r, to->data, r->head.stored);
    if (got < 0)
        return (int)got;
    if (got < (ssize_t)r->head.stored) {
        r->read.is_cut = 1;
        return 0;
    }
    to->used = r->head.stored;
    if (r->head.content_crc != (uint32_t)crc32_z(0, (const Bytef *)to->data, to->used))
        return eu_recording_damaged(r, "checksum does not match");
    int err = to == &r->stored ? unpack(r) : 0;
    return err ? err : 1;
}

int eu_recording_header(struct eu_recording *r) {
    struct eu_rec_header head;
    ssize_t got = read_up_to(r, &head, sizeof(head));
    if (got < 0)
        return (int)got;
    if (got < (ssize_t)sizeof(head.magic) || memcmp(head.magic, EU_REC_MAGIC, sizeof(head.magic)))
        return eu_fail(EBADMSG, "read recording %s: not a recording%s", r->name, got ? "" : ": it is empty");
    if (got < (ssize_t)sizeof(head) || head.crc != (uint32_t)crc32_z(0, (const void *)&head, offsetof(struct eu_rec_header, crc)))
        return eu_fail(EBADMSG, "read recording %s: its header is %s", r->name, got < (ssize_t)sizeof(head) ? "cut off" : "damaged");
    if (head.version != EU_REC_VERSION || head.size != sizeof(head))
        return eu_fail(EBADMSG, "read recording %s: version %u, expected %u [a newer eunomia reads it]", r->name, head.version,
                       EU_REC_VERSION);
    return 0;
}

int eu_recording_load(struct eu_recording *r) {
    int got = read_head(r);
    return got > 0 ? read_content(r) : got;
}
