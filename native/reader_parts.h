/* What the files of a reader share: reader.c, for rings and in general, perf_buffer.c. */
#ifndef EUNOMIA_READER_PARTS_H
#define EUNOMIA_READER_PARTS_H
#include "object.h"
#include "reader.h"
#include <linux/perf_event.h>

struct perf_cpu {
    int cpu, fd;  /* the event whose buffer it is; each record of it wakes */
    int quiet_fd; /* one that writes into the same buffer and wakes when it is half full; -1: not opened yet */
    struct perf_event_mmap_page *page;
    uint64_t at; /* one by one: read up to here, published or not */
};

struct eu_buffer {
    int is_ring, counts_lost, fd; /* of the map; of a perf buffer our own */
    size_t size, page_size;
    uint64_t *consumer;
    const uint64_t *producer;
    const uint8_t *data;
    struct perf_cpu *cpus;
    int nr_cpus, next_cpu, is_quiet;
    uint64_t lost, lost_counted, discarded, taken;
    uint8_t *wrapped; /* a perf record that goes around the end */
    struct eu_object *object;
    int map;
    /* one by one (reader_next.c) */
    uint64_t at;                /* of a ring, as in perf_cpu */
    size_t peeked;              /* bytes of the record that peek showed, with its header; 0: none */
    struct perf_cpu *peeked_at; /* of a perf buffer */
};

int eu_perf_open(struct eu_buffer *buffer, const struct eu_map_info *info, int pages);
void eu_perf_close(struct eu_buffer *buffer);
enum eu_state eu_perf_state(const struct eu_buffer *buffer);
size_t eu_perf_consume(struct eu_buffer *buffer, size_t limit, eu_take take, void *context);
#endif
