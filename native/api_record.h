#ifndef API_RECORD_H
#define API_RECORD_H
/* Recordings (docs/reference/recording.md): raw records in blocks with checksums. */
enum eu_block_type {
    EU_BLOCK_META = 1, /* JSON: what was recorded, when, where */
    EU_BLOCK_PACKAGE,  /* as its file is */
    EU_BLOCK_PLAN,
    EU_BLOCK_CLOCK,
    EU_BLOCK_FACTS,
    EU_BLOCK_RECORDS,
    EU_BLOCK_SAMPLE,
    EU_BLOCK_ACCOUNTS,
    EU_BLOCK_END,
    EU_BLOCK_LOST /* records of a ring that were lost here */
};

struct eu_recorder;
/* Begin a recording. The descriptor stays the caller's; level is zlib's, 0: nothing is packed but the first parts. */
struct eu_recorder *eu_recorder_new(int fd, const char *name, int level);
/* META, PACKAGE or PLAN, in this order, before anything else. */
int eu_recorder_part(struct eu_recorder *recorder, int type, const void *bytes, size_t size);
/* A record that was read at `time` (CLOCK_MONOTONIC, ns). 0 or -errno: then it is not recorded. */
int eu_recorder_add(struct eu_recorder *recorder, int source, uint64_t time, const void *record, size_t size);
/* What the clocks were, where records are not of this machine and of now. */
int eu_recorder_clock(struct eu_recorder *recorder, int64_t monotonic, int64_t boottime, int64_t realtime);
int eu_recorder_accounts(struct eu_recorder *recorder, const struct eu_account *accounts, int nr_accounts);
/* Write the block that is being filled. */
int eu_recorder_flush(struct eu_recorder *recorder);
int eu_recorder_end(struct eu_recorder *recorder, int ending);
uint64_t eu_recorder_records(const struct eu_recorder *recorder); /* that are in the file */
uint64_t eu_recorder_samples(const struct eu_recorder *recorder); /* readings of maps */
uint64_t eu_recorder_bytes(const struct eu_recorder *recorder);
void eu_recorder_free(struct eu_recorder *recorder);

struct eu_recording;
/* Read up to what was recorded: META, PACKAGE and PLAN. The descriptor stays the caller's; it may be a pipe. */
struct eu_recording *eu_recording_open(int fd, const char *name);
/* The bytes of META, PACKAGE or PLAN. */
const void *eu_recording_part(const struct eu_recording *recording, int type, size_t *size);
/* Read the next block: its type, 0 at the end, or -errno. Clocks, facts and accounts are taken over. */
int eu_recording_next(struct eu_recording *recording);
struct eu_recorded {
    int source;
    uint64_t time; /* CLOCK_MONOTONIC of the recorded machine, ns */
    const void *bytes;
    size_t size;
};
/* The next record of a RECORDS block: 1, 0 at the block's end, or -EBADMSG. */
int eu_recording_record(struct eu_recording *recording, struct eu_recorded *record);
/* Read the rest, records too: 0 or -errno. */
int eu_recording_scan(struct eu_recording *recording);
/* Collect the next records of a source: until the batcher has got so many. How many it got, 0 at the end, or -errno. */
struct eu_batcher;
long eu_recording_collect(struct eu_recording *recording, int source, struct eu_batcher *batcher, size_t max_records);
int64_t eu_recording_wall(struct eu_recording *recording, uint64_t time); /* ns since 1970 */
struct eu_recording_facts {
    uint64_t blocks, bytes, records, of_bytes; /* read so far; of_bytes: of the records */
    uint64_t first, last;                      /* CLOCK_MONOTONIC of the first and the last record */
    uint64_t samples, losses;                  /* snapshots of maps; events lost while recording */
    int nr_accounts, is_ended, is_cut, ending; /* is_cut: the file ends within a block or without an end */
};
void eu_recording_tell(const struct eu_recording *recording, struct eu_recording_facts *facts);
int eu_recording_account(const struct eu_recording *recording, int source, struct eu_account *account);
void eu_recording_free(struct eu_recording *recording);

struct eu_replay_options {
    double speed;     /* 1: as it was, 2: twice as fast, 0: as fast as it goes */
    int64_t from, to; /* wall clock in ns; 0: all */
};
struct eu_run;
/* Feed a run that was made without an object; as eu_run_loop(). */
int eu_run_replay(struct eu_run *run, struct eu_recording *recording, const struct eu_replay_options *options);
#endif
