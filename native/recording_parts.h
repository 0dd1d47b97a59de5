/* A recording being read: recording_file.c has its blocks, recording.c what they hold. */
#ifndef EUNOMIA_RECORDING_PARTS_H
#define EUNOMIA_RECORDING_PARTS_H
#include "out.h"
#include "recording.h"

enum { PARTS = EU_BLOCK_PLAN, LATEST = 62 /* times are below 2^62 ns */ };

struct eu_recording {
    int users; /* besides the first */
    int fd;
    char *name;
    struct eu_out parts[PARTS + 1]; /* by type */
    struct eu_plan *plan;
    struct eu_clock_history clocks;
    struct eu_facts *facts;
    struct eu_rec_block head;
    struct eu_out stored, content;
    size_t at;     /* of the next record */
    uint32_t left; /* records of the block not given yet */
    struct eu_account *accounts;
    size_t room_accounts;
    uint64_t *seen;      /* records by source */
    struct eu_out names; /* of the accounts' maps */
    uint64_t place;      /* of the block's header in the file */
    struct eu_recording_facts read;
};

/* The header at the start of the file: 0 or -errno. */
int eu_recording_header(struct eu_recording *recording);
/* The next block's header and content, as they should be: 1, 0 the file ends here, or -errno. */
int eu_recording_load(struct eu_recording *recording);
#endif
