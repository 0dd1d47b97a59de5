/* What an object that ecc compiled counts about its records (docs/reference/accounting.md), and what its readers counted. */
#ifndef EUNOMIA_ACCOUNTING_H
#define EUNOMIA_ACCOUNTING_H
#include "eunomia.h"
#include <pthread.h>
#include <stdint.h>

struct btf;
struct eu_buffer;

/* The sites of one map, added up. */
struct eu_counts {
    uint64_t calls, failures;      /* of what puts records into ring and perf buffers */
    uint64_t map_full, collisions; /* updates and stacks that found no place */
    int known;                     /* 0: the object does not count, or a site may mean this map that does not name it */
};

enum eu_site_kind { EU_SITE_RING, EU_SITE_PERF, EU_SITE_MAP, EU_SITE_PUSH, EU_SITE_STACK, EU_SITE_KINDS };

struct eu_site {
    uint32_t offset;
    int map;        /* -1: its argument names none, or several */
    uint64_t maybe; /* then: the maps that it can mean; bit 63: all from the 64th on */
    enum eu_site_kind kind;
};

struct eu_counted_map {
    char *name;
    uint32_t type;
    int is_internal, has_updates; /* updates or stacks of it are counted */
    struct eu_account past;       /* of readers that were closed */
};

/* One reader's part of a map's account. It lies in the reader. */
struct eu_tally {
    struct eu_tally *next;
    struct eu_accounting *accounting; /* NULL: not joined */
    int map;
    const struct eu_account *counted; /* delivered, filtered and what this side lost; only grows */
    struct eu_buffer *buffer;         /* NULL: a sampled map */
    struct eu_counts before;          /* what readers before this one answer for: calls are their records and failures */
};

/* Of a loaded object, which shares it with its readers; these may outlive it. */
struct eu_accounting {
    pthread_mutex_t lock; /* readers, past */
    int references;
    int version; /* 0: the object does not count */
    int fd, nr_sites, nr_maps;
    size_t size;
    const void *memory; /* the section; NULL: none, or the kernel cannot map it */
    struct eu_site *sites;
    struct eu_counted_map *maps;
    struct eu_tally *readers;
};

/* NULL: out of memory. Objects without counters have one too: it says that nothing is known. Any thread. */
struct eu_accounting *eu_accounting_open(struct eu_object *object);
void eu_accounting_close(struct eu_accounting *accounting);
/* Read the call sites of version 1 out of the object's BTF, NULL: it has none. maps, size and memory are set: accounting_sites.c. */
int eu_accounting_find(struct eu_accounting *accounting, const struct btf *btf);
int eu_site_can_mean(enum eu_site_kind kind, const struct eu_counted_map *map);
/* Add up the sites of a map; all zero and not known without accounting. Any thread. */
void eu_accounting_read(const struct eu_accounting *accounting, int map, struct eu_counts *counts);

/* A reader begins, or ends: then what it counted stays in the object's account. Join once `counted` and `buffer` are set; leave
 * before the buffer is closed. */
void eu_tally_join(struct eu_tally *tally, struct eu_accounting *accounting, int map, const struct eu_account *counted,
                   struct eu_buffer *buffer);
void eu_tally_leave(struct eu_tally *tally);
/* The account of one reader, from when it joined. Any thread. */
void eu_tally_account(const struct eu_tally *tally, struct eu_account *account);
/* The account of a map, all readers together. map: nr_maps means updates whose map is not clear. Any thread. */
void eu_accounting_account(struct eu_accounting *accounting, int map, struct eu_account *account);
/* Whether a map has an account: event sources, maps whose updates are counted, maps that were read. */
int eu_accounting_tells(struct eu_accounting *accounting, int map);
#endif
