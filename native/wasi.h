/* WASI preview 1, its parts: wasi.c (life, arguments, ending), wasi_fd.c (the guest's descriptors), wasi_io.c (reading and
 * writing), wasi_stat.c, wasi_dir.c, wasi_path.c (below preopened directories), wasi_clock.c, wasi_poll.c, wasi_functions.c.
 * A function takes its parameters as the guest gave them and returns 0, -errno of Linux, -EU_ENOTCAPABLE or EU_WASI_STOP.
 * Source: WASI, phases/snapshot/docs.md (wasi_snapshot_preview1); layouts as wasi-libc's <wasi/api.h> asserts them. */
#ifndef EUNOMIA_WASI_H
#define EUNOMIA_WASI_H
#define _GNU_SOURCE
#include "guest.h"
#include "wasi_list.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum { EU_WASI_STOP = EU_STOP, EU_ENOTCAPABLE = 1000 };
enum { WASI_FILES = 256 /* descriptors of a guest */, WASI_PATH = 4096, WASI_IOVECS = 256, WASI_PART = 16 << 20 };

enum { TYPE_UNKNOWN, TYPE_BLOCK, TYPE_CHARACTER, TYPE_DIRECTORY, TYPE_REGULAR, TYPE_DATAGRAM, TYPE_STREAM, TYPE_LINK };
enum { FLAG_APPEND = 1, FLAG_DSYNC = 2, FLAG_NONBLOCK = 4, FLAG_RSYNC = 8, FLAG_SYNC = 16 };
enum { LOOKUP_FOLLOW = 1 };
enum {
    RIGHT_DATASYNC = 1 << 0,
    RIGHT_READ = 1 << 1,
    RIGHT_SEEK = 1 << 2,
    RIGHT_SET_FLAGS = 1 << 3,
    RIGHT_SYNC = 1 << 4,
    RIGHT_TELL = 1 << 5,
    RIGHT_WRITE = 1 << 6,
    RIGHT_ADVISE = 1 << 7,
    RIGHT_ALLOCATE = 1 << 8,
    RIGHT_MAKE_DIRECTORY = 1 << 9,
    RIGHT_MAKE_FILE = 1 << 10,
    RIGHT_LINK_SOURCE = 1 << 11,
    RIGHT_LINK_TARGET = 1 << 12,
    RIGHT_OPEN = 1 << 13,
    RIGHT_READDIR = 1 << 14,
    RIGHT_READLINK = 1 << 15,
    RIGHT_RENAME_SOURCE = 1 << 16,
    RIGHT_RENAME_TARGET = 1 << 17,
    RIGHT_PATH_STAT = 1 << 18,
    RIGHT_PATH_SIZE = 1 << 19,
    RIGHT_PATH_TIMES = 1 << 20,
    RIGHT_STAT = 1 << 21,
    RIGHT_SIZE = 1 << 22,
    RIGHT_TIMES = 1 << 23,
    RIGHT_SYMLINK = 1 << 24,
    RIGHT_REMOVE_DIRECTORY = 1 << 25,
    RIGHT_UNLINK = 1 << 26,
    RIGHT_POLL = 1 << 27,
    RIGHTS_WRITE = RIGHT_WRITE | RIGHT_ALLOCATE | RIGHT_SIZE | RIGHT_DATASYNC,
    RIGHTS_FILE = RIGHTS_WRITE | RIGHT_READ | RIGHT_SEEK | RIGHT_SET_FLAGS | RIGHT_SYNC | RIGHT_TELL | RIGHT_ADVISE | RIGHT_STAT |
                  RIGHT_TIMES | RIGHT_POLL,
    RIGHTS_DIRECTORY = RIGHT_SET_FLAGS | RIGHT_SYNC | RIGHT_ADVISE | RIGHT_MAKE_DIRECTORY | RIGHT_MAKE_FILE | RIGHT_LINK_SOURCE |
                       RIGHT_LINK_TARGET | RIGHT_OPEN | RIGHT_READDIR | RIGHT_READLINK | RIGHT_RENAME_SOURCE | RIGHT_RENAME_TARGET |
                       RIGHT_PATH_STAT | RIGHT_PATH_SIZE | RIGHT_PATH_TIMES | RIGHT_STAT | RIGHT_TIMES | RIGHT_SYMLINK |
                       RIGHT_REMOVE_DIRECTORY | RIGHT_UNLINK,
};

/* What a descriptor of the guest stands for. */
struct eu_wasi_file {
    int fd; /* of the host; -1: this number is free */
    uint8_t type;
    uint8_t flags;       /* the guest's: a host's descriptor that others share is never changed */
    uint8_t is_stdio;    /* not ours to close; looks like a terminal */
    uint8_t is_writable; /* 0: nothing here or below may be changed, whatever the rights say */
    uint8_t is_stream;   /* of the host: a pipe, terminal, socket; 0: always ready */
    uint8_t is_plain;    /* the kernel has no RWF_NOWAIT for it */
    char *preopen;       /* the guest's name of a preopened directory */
    uint64_t base, inheriting;
};
/* Strings one behind the other, as args_get() and environ_get() hand them out. */
struct eu_wasi_strings {
    char *bytes;
    uint32_t count, size;
};
struct eu_wasi {
    struct eu_guest *guest;
    struct eu_wasi_strings args, env;
    uint64_t output; /* bytes written to stdout and stderr */
    struct eu_wasi_file files[WASI_FILES];
};

typedef int (*eu_wasi_function)(struct eu_wasi *wasi, const union eu_slot *in);
#define EU_WASI_DECLARE(name, type) int eu_wasi_##name(struct eu_wasi *wasi, const union eu_slot *in);
#define EU_WASI_DECLARE_OLD(name, type) int eu_wasi_old_##name(struct eu_wasi *wasi, const union eu_slot *in);
EU_WASI_SAME(EU_WASI_DECLARE)
EU_WASI_DIFFERENT(EU_WASI_DECLARE)
EU_WASI_DIFFERENT(EU_WASI_DECLARE_OLD)
EU_WASI_NEW(EU_WASI_DECLARE)

/* WASI's number of an errno of Linux or EU_ENOTCAPABLE. */
uint16_t eu_wasi_errno(int err);
/* The file of a descriptor in *file, if it has these rights: 0, -EBADF, -EU_ENOTCAPABLE. */
int eu_wasi_file(struct eu_wasi *wasi, uint32_t fd, uint64_t rights, struct eu_wasi_file **file);
/* The same for what changes a file or a directory: -EROFS where that was not allowed. */
int eu_wasi_changing(struct eu_wasi *wasi, uint32_t fd, uint64_t rights, struct eu_wasi_file **file);
/* A free number from `from` on, or -EMFILE. */
int eu_wasi_free_number(struct eu_wasi *wasi, int from);
void eu_wasi_file_close(struct eu_wasi_file *file);
uint8_t eu_wasi_type(mode_t mode);
static inline int wasi_is_stream(mode_t mode) {
    return S_ISFIFO(mode) || S_ISCHR(mode) || S_ISSOCK(mode);
}
/* A path of the guest, copied with a NUL behind it: 0 or -errno. */
int eu_wasi_path(struct eu_wasi *wasi, uint32_t at, uint32_t len, char path[WASI_PATH]);
/* Open below a directory and nowhere else: a descriptor or -errno; -EU_ENOTCAPABLE where the path leads out of it. */
int eu_wasi_beneath(int dir, const char *path, uint64_t flags, uint32_t mode);

static inline void *wasi_bytes(struct eu_wasi *wasi, uint32_t at, uint64_t size) {
    return eu_guest_bytes(wasi->guest, at, size);
}

/* Write a value where the guest said: 0 or -EFAULT. */
static inline int wasi_put(struct eu_wasi *wasi, uint32_t at, const void *value, uint32_t size) {
    void *out = wasi_bytes(wasi, at, size);
    if (!out)
        return -EFAULT;
    memcpy(out, value, size);
    return 0;
}

static inline int wasi_put32(struct eu_wasi *wasi, uint32_t at, uint32_t value) {
    return wasi_put(wasi, at, &value, sizeof(value));
}

static inline int wasi_put64(struct eu_wasi *wasi, uint32_t at, uint64_t value) {
    return wasi_put(wasi, at, &value, sizeof(value));
}
#endif
