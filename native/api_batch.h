#ifndef API_BATCH_H
#define API_BATCH_H
/* Records of one ring or perf buffer for Python: many at a time, and as columns. */
struct eu_account;
struct eu_object;
struct eu_plan;

/* Records of one type, in order. What a pointer of it points to is the caller's: eu_release(). */
struct eu_part {
    void *data;
    uint64_t used, count, stride; /* bytes; records; bytes of each, 0: starts and lengths have them */
    void *starts;                 /* uint64_t: each at least the size of the type, zeroes behind its record */
    void *lengths;                /* uint32_t: of the records as they came */
};
/* Copies records apart by type: short ones filled with zeroes, padding behind them left out. Counts those without a type and
 * those that the filter drops. The plan must stay valid as long. */
struct eu_batcher;
struct eu_batcher *eu_batcher_new(struct eu_plan *plan, int source, const void *filter, size_t filter_size);
void eu_batcher_free(struct eu_batcher *batcher);
/* Collect one record that comes from elsewhere: 1, 0 counted and left out, or -errno. */
long eu_batcher_add(struct eu_batcher *batcher, const void *record, size_t size);
/* Hand over what it holds: as many parts as the source has types; *order: the part of each record, NULL where there is one type. */
long eu_batcher_take(struct eu_batcher *batcher, struct eu_part *parts, uint16_t **order);
void eu_release(void *memory);
/* Memory to write a column to, not cleared, or NULL; to be released. */
void *eu_block(size_t room);
/* How many of its events the program has got so far, and how many found no room in a queue. */
void eu_batcher_delivered(struct eu_batcher *batcher, uint64_t delivered, uint64_t dropped);

/* Reads one ring or perf buffer into a batcher, which must stay valid as long; wake_fd ends a wait when it can be read from. */
struct eu_reader;
struct eu_reader *eu_reader_new(struct eu_object *object, int map, int perf_pages, int wake_fd, struct eu_batcher *batcher);
void eu_reader_free(struct eu_reader *reader);
/* Collect what is there: until the batcher holds max_records or max_bytes (one record at least). How many it holds, or -errno. */
long eu_reader_collect(struct eu_reader *reader, size_t max_records, size_t max_bytes);
/* Sleep until there are records, wake_fd can be read from, a signal came, or the time (-1: no limit) is over: 0 or -errno. */
int eu_reader_wait(struct eu_reader *reader, int timeout_ms);
int eu_reader_fd(struct eu_reader *reader); /* for event loops: can be read from while there are records */
/* Before an event loop sleeps on it: 0 it may sleep, 1 there are records, 2 look again in a millisecond. */
int eu_reader_arm(struct eu_reader *reader);
uint64_t eu_reader_lost(struct eu_reader *reader); /* what the kernel told a perf buffer */
void eu_reader_account(struct eu_reader *reader, struct eu_account *account);

/* Columns out of `count` records: `stride` bytes apart, or where starts says; `offset` is within a record. */
struct eu_rows {
    const void *data;
    uint64_t count, stride;
    const uint64_t *starts; /* NULL: stride */
    const uint32_t *lengths;
};
void eu_gather(const struct eu_rows *rows, size_t offset, size_t size, void *out);
void eu_gather_bits(const struct eu_rows *rows, uint64_t bit_offset, uint32_t bit_size, int is_signed, size_t size, void *out);
void eu_gather_bitmap(const struct eu_rows *rows, size_t offset, size_t size, void *out); /* of values that are not zero */
/* UTF-8 up to the first NUL (size 0: or the end of the record), bad bytes replaced: offsets has count + 1 elements. The text's
 * length, or -errno; *text is to be released. */
long eu_gather_text(const struct eu_rows *rows, size_t offset, size_t size, int32_t *offsets, void **text);
/* Position of each number within `numbers` (ascending); returns how many are not there, whose position is -1. */
long eu_gather_codes(const struct eu_rows *rows, size_t offset, size_t size, int is_signed, const int64_t *numbers, size_t nr,
                     int32_t *out);
/* What follows a record's fixed part, in whole elements, joined: offsets has count + 1. Bytes, or -errno. */
long eu_gather_tails(const struct eu_rows *rows, size_t offset, size_t size, int32_t *offsets, void **bytes);
/* Records of many lengths to `stride` bytes each, cut or with zeroes behind them. */
void eu_gather_rows(const struct eu_rows *rows, size_t stride, void *out);
/* Whether a char array at one of these places has bytes behind its first NUL; eu_clean_text makes them zero. */
int eu_has_remains(const struct eu_rows *rows, const uint32_t *places, const uint32_t *sizes, size_t nr);
void eu_clean_text(void *data, size_t count, size_t stride, const uint32_t *places, const uint32_t *sizes, size_t nr);
#endif
