/* Names of PCI classes, vendors and devices from pci.ids, where the machine has it. */
#define _GNU_SOURCE
#include "cache.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLASS_KEY = 1, VENDOR_KEY = 2 }; /* what a key of the cache asks for: bits 40 and up */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *ids;
static size_t ids_size;

static void map_ids(void) {
    static const char *const paths[] = {"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"};
    const char *given = getenv("EUNOMIA_PCI_IDS");
    struct stat status;
    int fd = given ? open(given, O_RDONLY | O_CLOEXEC) : -1;
    for (int i = 0; i < 3 && fd < 0 && !given; i++)
        fd = open(paths[i], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!fstat(fd, &status) && S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size < 64 << 20) {
        char *copy = malloc((size_t)status.st_size); /* not mapped: a file that shrinks under us would end us */
        ssize_t size = copy ? read(fd, copy, (size_t)status.st_size) : 0;
        if (size > 0) {
            ids = copy;
            ids_size = (size_t)size;
        } else {
            free(copy);
        }
    }
    close(fd);
}

/* The rest of the first line from *at on that begins with `begin`, before a line that `ends` a block; *at moves behind it. */
static int find_line(size_t *at, const char *begin, int depth, struct eu_word *name) {
    size_t size = strlen(begin);
    while (*at < ids_size) {
        const char *line = ids + *at, *end = memchr(line, '\n', ids_size - *at);
        size_t length = end ? (size_t)(end - line) : ids_size - *at;
        *at += length + 1;
        if (length && line[0] != '#' && depth && line[0] != '\t')
            return 0; /* the next block */
        if (length > size + 2 && !memcmp(line, begin, size) && line[size] == ' ') {
            eu_word_put(name, line + size + 2, length - size - 2);
            return 1;
        }
    }
    return 0;
}

/* "C 01  Mass storage" with "\t06  SATA" below it; "8086  Intel" with "\t10d3  82574L" below. */
static int look(uint64_t key, struct eu_word *word) {
    char line[32];
    size_t at = 0;
    struct eu_word top;
    int is_class = key >> 40 == CLASS_KEY, has_sub = key >> 32 & 1;
    unsigned high = key >> 16 & 0xffff, low = key & 0xffff;
    pthread_once(&once, map_ids);
    top.used = 0;
    snprintf(line, sizeof(line), is_class ? "C %02x" : "%04x", high);
    if (!find_line(&at, line, 0, &top))
        return 0;
    if (!has_sub) {
        eu_word_put(word, top.text, top.used);
        return 1;
    }
    snprintf(line, sizeof(line), is_class ? "\t%02x" : "\t%04x", low);
    return find_line(&at, line, 1, word);
}

static struct eu_cache cache = EU_CACHE(look);

static int put(struct eu_word *word, uint64_t kind, int has_sub, unsigned high, unsigned low, const char *number, unsigned value) {
    if (!eu_cached(&cache, kind << 40 | (uint64_t)has_sub << 32 | high << 16 | low, word))
        eu_word_format(word, number, value);
    return EU_AS_WORD;
}

/* 8 bits: the class. */
int eu_decode_pci_class(struct eu_word *word, const struct eu_raw *raw) {
    return put(word, CLASS_KEY, 0, (unsigned)raw->number & 0xff, 0, "0x%02x", (unsigned)raw->number & 0xff);
}

/* 16 bits: class and subclass. */
int eu_decode_pci_subclass(struct eu_word *word, const struct eu_raw *raw) {
    unsigned v = (unsigned)raw->number & 0xffff;
    return put(word, CLASS_KEY, 1, v >> 8, v & 0xff, "0x%04x", v);
}

int eu_decode_pci_vendor(struct eu_word *word, const struct eu_raw *raw) {
    unsigned v = (unsigned)raw->number & 0xffff;
    return put(word, VENDOR_KEY, 0, v, 0, "0x%04x", v);
}

/* 32 bits: vendor and device. */
int eu_decode_pci_device(struct eu_word *word, const struct eu_raw *raw) {
    unsigned v = (unsigned)raw->number;
    return put(word, VENDOR_KEY, 1, v >> 16, v & 0xffff, "0x%08x", v);
}
