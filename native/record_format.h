/* A recording on disk, version 1: docs/reference/recording.md. Little-endian, nothing is aligned. */
#ifndef EUNOMIA_RECORD_FORMAT_H
#define EUNOMIA_RECORD_FORMAT_H
#include <stdint.h>

#define EU_REC_MAGIC "EUREC\r\n\x1a" /* a transfer as text changes it */
#define EU_REC_BLOCK "EUBK"
enum {
    EU_REC_VERSION = 1,
    EU_REC_BLOCK_LIMIT = 16 << 20, /* bytes of a block's content, packed or not */
    EU_REC_PART_LIMIT = 128 << 20, /* of a part that goes over several blocks */
    EU_REC_SOURCES = 65536,
    EU_REC_NAME_LIMIT = 255, /* bytes of a map's name */
    EU_REC_PACKED = 1,       /* flag of a block: its content is a zlib stream */
    EU_REC_MORE = 2,         /* the next block of this type goes on with it */
};

struct eu_rec_header { /* 16 bytes, the file's first */
    char magic[8];
    uint16_t version, size; /* of this header */
    uint32_t crc;           /* CRC-32 of the bytes before it */
};
struct eu_rec_block { /* 48 bytes, then `stored` bytes */
    char magic[4];
    uint16_t type, flags;
    uint32_t stored, size; /* bytes of the content in the file, and unpacked */
    uint64_t sequence;     /* 0, 1, 2... */
    uint64_t time;         /* CLOCK_MONOTONIC, ns: of the first record, else of writing */
    uint32_t count;        /* records, facts, elements */
    uint32_t content_crc;  /* CRC-32 of the stored bytes */
    uint32_t reserved;
    uint32_t crc; /* CRC-32 of the header's bytes before it */
};
/* Content of the blocks, in the order in which they come first. */
struct eu_rec_record { /* RECORDS: `count` of these, each with its bytes behind it */
    uint32_t size;
    uint32_t delay; /* ns after the block's time at which it was read */
    uint16_t source, reserved;
} __attribute__((packed));
struct eu_rec_account { /* ACCOUNTS: `count` of these, the sources' first; each with nr_lost numbers behind it, by enum eu_cause, then
                         * the map's name */
    uint32_t kind, known;
    uint64_t produced, delivered, filtered, discarded, pending;
    uint32_t nr_lost, name_size;
};
struct eu_rec_lost {
    uint32_t source, cause;
    uint64_t count;
};
struct eu_rec_end { /* END */
    uint64_t records, bytes;
    int32_t ending; /* as eu_run_loop() returns it */
    uint32_t reserved;
};
struct eu_rec_sample {             /* SAMPLE: then the keys, then the values, `count` of each */
    uint32_t source, map_type;     /* enum bpf_map_type */
    uint32_t key_size, value_size; /* value_size: of all CPUs */
    uint32_t cpus, flags;          /* cpus: 0 where a value is of none; flags: 1 the map was emptied afterwards */
};
#endif
