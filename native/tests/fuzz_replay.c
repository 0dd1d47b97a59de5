/* Recordings out of arbitrary bytes: replayed in every format, nothing may be read or written out of bounds, or go on for ever.
 *
 * An input is a byte of flags and a file. Checksums and numbers of blocks are made right first, or no change would get past
 * them; the lowest bit of the flags leaves them as they are. */
#define _GNU_SOURCE
#include "eunomia.h"
#include "record_format.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

enum { UNSEALED = 1, JSON = 2, TIMES = 4, COUNT = 8, FOLDED = 16, COMPATIBLE = 32, PER_CPU = 64, CSV = 128 };

static uint32_t crc_of(const void *bytes, size_t size) {
    return (uint32_t)crc32_z(0, bytes, size);
}

static void seal(uint8_t *data, size_t size) {
    size_t at = sizeof(struct eu_rec_header);
    struct eu_rec_header head;
    struct eu_rec_block block;
    if (size < at)
        return;
    memcpy(&head, data, sizeof(head));
    memcpy(head.magic, EU_REC_MAGIC, sizeof(head.magic));
    head.version = EU_REC_VERSION;
    head.size = sizeof(head);
    head.crc = crc_of(&head, offsetof(struct eu_rec_header, crc));
    memcpy(data, &head, sizeof(head));
    for (uint64_t i = 0; size - at >= sizeof(block); i++) {
        memcpy(&block, data + at, sizeof(block));
        memcpy(block.magic, EU_REC_BLOCK, sizeof(block.magic));
        block.sequence = i;
        if (block.stored > size - at - sizeof(block))
            block.stored = (uint32_t)(size - at - sizeof(block));
        if (!(block.flags & EU_REC_PACKED))
            block.size = block.stored;
        block.content_crc = crc_of(data + at + sizeof(block), block.stored);
        block.crc = crc_of(&block, offsetof(struct eu_rec_block, crc));
        memcpy(data + at, &block, sizeof(block));
        at += sizeof(block) + block.stored;
    }
}

static void replay(struct eu_recording *recording, int flags, int null) {
    size_t size;
    const void *bytes = eu_recording_part(recording, EU_BLOCK_PLAN, &size);
    struct eu_plan *plan = eu_plan_read(bytes, size);
    struct eu_run_options options = {
        .format = {.format = flags & JSON     ? 1
                             : flags & FOLDED ? 3
                             : flags & CSV    ? 4
                                              : 0,
                   .time = flags & TIMES ? 3 : 1,
                   .compat = !!(flags & COMPATIBLE),
                   .per_cpu = !!(flags & PER_CPU),
                   .symbols = 1,
                   .header = 1},
        .out_fd = null,
        .tell_fd = -1,
        .cpu = -1,
        .clear = -1,
        .count_by = flags & COUNT ? "pid" : NULL,
        .max_events = 1 << 16,
    };
    struct eu_replay_options how = {0};
    struct eu_run *run = plan ? eu_run_new(NULL, plan, &options) : NULL;
    if (run) {
        struct eu_account account;
        eu_run_replay(run, recording, &how);
        for (int i = 0; i < eu_run_accounts(run); i++)
            eu_run_account(run, i, &account);
        eu_run_free(run);
    }
    if (plan)
        eu_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int null = -1, file = -1;
    if (null < 0) {
        null = open("/dev/null", O_WRONLY);
        file = memfd_create("recording", 0);
    }
    if (size < 1)
        return 0;
    uint8_t *copy = malloc(size);
    memcpy(copy, data + 1, size - 1);
    if (!(data[0] & UNSEALED))
        seal(copy, size - 1);
    if (ftruncate(file, 0) || pwrite(file, copy, size - 1, 0) < 0)
        abort();
    lseek(file, 0, SEEK_SET);
    struct eu_recording *recording = eu_recording_open(file, "fuzz");
    if (recording)
        replay(recording, data[0], null);
    eu_recording_free(recording);
    free(copy);
    return 0;
}
