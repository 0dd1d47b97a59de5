/* Compiled modules, kept between runs. What is mapped from here is run as machine code, so the folder and the file must be ours and nobody
 * else's to write; a sum at the end of the file tells what a crash left of it. */
#define _GNU_SOURCE
#include "digest.h"
#include "error.h"
#include "hash.h"
#include "wasmtime.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME = 2 * EU_DIGEST + 6, MAX_FILES = 1000 };
static const char SUFFIX[] = ".cwasm";
static const uint64_t MAX_BYTES = 256 << 20;
extern int malloc_trim(size_t) __attribute__((weak)); /* glibc's */
struct trailer {
    uint64_t magic, sum;
};
static const uint64_t MAGIC = 0x31616d6f6e7565; /* "eunoma1" */

static uint64_t sum_of(const void *bytes, size_t size) {
    uint64_t sum = size, word;
    const char *at = bytes;
    for (; size >= 8; at += 8, size -= 8) {
        memcpy(&word, at, 8);
        sum = eu_fold(sum ^ word, 0x9e3779b97f4a7c15u) + 0x2545f4914f6cdd1du;
    }
    for (; size; at++, size--)
        sum = eu_fold(sum ^ (uint8_t)*at, 0x9e3779b97f4a7c15u) + 1;
    return sum;
}

static int is_ours(int fd, mode_t type, struct stat *facts) {
    return !fstat(fd, facts) && (facts->st_mode & S_IFMT) == type && facts->st_uid == geteuid() && !(facts->st_mode & 022);
}

/* The folder, -1: there is none that can be trusted. */
static int open_folder(const char *path) {
    struct stat facts;
    int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 && path && errno == ENOENT && !mkdir(path, 0700))
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && !is_ours(fd, S_IFDIR, &facts)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* By what was compiled, by which library (a patch release compiles otherwise, and says the same version), how. */
static int name_of(char out[NAME + 1], const char *library, const void *wasm, size_t size) {
    struct eu_digest digest;
    struct stat facts;
    uint8_t bytes[EU_DIGEST];
    if (stat(library, &facts))
        return -1;
    uint64_t about[] = {MAGIC, EU_WASMTIME_SETTINGS, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_ino};
    eu_digest_begin(&digest);
    eu_digest_add(&digest, about, sizeof(about));
    eu_digest_add(&digest, wasm, size);
    eu_digest_end(&digest, bytes);
    for (int i = 0; i < EU_DIGEST; i++)
        sprintf(out + 2 * i, "%02x", bytes[i]);
    strcpy(out + 2 * EU_DIGEST, SUFFIX);
    return 0;
}

static int is_whole(int fd, size_t size) {
    struct trailer trailer;
    if (size < sizeof(trailer))
        return 0;
    size -= sizeof(trailer);
    void *bytes = mmap(NULL, size + sizeof(trailer), PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return 0;
    memcpy(&trailer, (char *)bytes + size, sizeof(trailer));
    int whole = trailer.magic == MAGIC && trailer.sum == sum_of(bytes, size);
    munmap(bytes, size + sizeof(trailer));
    return whole;
}

static wasmtime_module *take(wasm_engine *engine, int folder, const char *name) {
    wasmtime_module *module = NULL;
    struct stat facts;
    char path[64];
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* this very file, whatever becomes of its name */
    if (is_ours(fd, S_IFREG, &facts) && is_whole(fd, facts.st_size)) {
        wasmtime_error *error = eu_wasmtime.wasmtime_module_deserialize_file(engine, path, &module);
        if (error)
            eu_wasmtime.wasmtime_error_delete(error);
        else
            utimensat(folder, name, NULL, 0); /* the least recently used go first */
    }
    close(fd);
    return module;
}

static int write_all(int fd, const void *bytes, size_t size) {
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes = (const char *)bytes + n;
        size -= n;
    }
    return 0;
}

struct entry {
    char name[NAME + 1];
    time_t used;
    off_t size;
};

static int newest_first(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    return x->used < y->used ? 1 : x->used > y->used ? -1 : 0;
}

/* Keep the most recently used files, as many as the bounds allow. */
static void prune(int folder) {
    enum { LOOKED_AT = 4096 };
    struct entry *entries = malloc(LOOKED_AT * sizeof(*entries));
    int n = 0, copy = dup(folder);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    uint64_t bytes = 0;
    for (struct dirent *one; entries && dir && n < LOOKED_AT && (one = readdir(dir));) {
        struct stat facts;
        if (!strstr(one->d_name, SUFFIX) || strlen(one->d_name) > NAME || fstatat(folder, one->d_name, &facts, AT_SYMLINK_NOFOLLOW))
            continue;
        strcpy(entries[n].name, one->d_name);
        entries[n].used = facts.st_mtime;
        entries[n++].size = facts.st_size;
    }
    if (entries)
        qsort(entries, n, sizeof(*entries), newest_first);
    for (int i = 0; i < n; i++)
        if ((bytes += entries[i].size) > MAX_BYTES || i >= MAX_FILES)
            unlinkat(folder, entries[i].name, 0);
    free(entries);
    if (dir)
        closedir(dir);
    else if (copy >= 0)
        close(copy);
}

/* A cache that cannot be written keeps nothing. */
static void keep(wasmtime_module *module, int folder, const char *name) {
    struct wasm_bytes bytes;
    char partial[64];
    wasmtime_error *error = eu_wasmtime.wasmtime_module_serialize(module, &bytes);
    if (error) {
        eu_wasmtime.wasmtime_error_delete(error);
        return;
    }
    snprintf(partial, sizeof(partial), ".%d.%lx.cwasm", getpid(), (unsigned long)pthread_self());
    int fd = openat(folder, partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        struct trailer trailer = {MAGIC, sum_of(bytes.data, bytes.size)};
        if (write_all(fd, bytes.data, bytes.size) || write_all(fd, &trailer, sizeof(trailer)) || renameat(folder, partial, folder, name))
            unlinkat(folder, partial, 0);
        else
            prune(folder);
        close(fd);
    } else if (errno == EEXIST) { /* of a process that died, whose number we have */
        unlinkat(folder, partial, 0);
    }
    eu_wasmtime.wasm_byte_vec_delete(&bytes);
}

/* Compiling a guest in Go takes seconds: who looks at a terminal is told after the first. */
struct teller {
    pthread_mutex_t lock;
    pthread_cond_t over;
    const char *line;
    int is_over;
};

static void *tell_later(void *data) {
    struct teller *teller = data;
    struct timespec end;
    int err = 0;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec++;
    pthread_mutex_lock(&teller->lock);
    while (!teller->is_over && !err)
        err = pthread_cond_timedwait(&teller->over, &teller->lock, &end);
    if (!teller->is_over && write(STDERR_FILENO, teller->line, strlen(teller->line)) < 0)
        errno = 0; /* nobody is left to be told */
    pthread_mutex_unlock(&teller->lock);
    return NULL;
}

static wasmtime_error *compile(const struct eu_guest *guest, wasm_engine *engine, const void *wasm, size_t size, wasmtime_module **module) {
    struct teller teller = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, guest->options->compiling, 0};
    pthread_condattr_t clock;
    pthread_t thread;
    sigset_t all, before;
    if (!teller.line)
        return eu_wasmtime.wasmtime_module_new(engine, wasm, size, module);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&teller.over, &clock);
    pthread_condattr_destroy(&clock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the threads that know them */
    int err = pthread_create(&thread, NULL, tell_later, &teller);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    wasmtime_error *error = eu_wasmtime.wasmtime_module_new(engine, wasm, size, module);
    pthread_mutex_lock(&teller.lock);
    teller.is_over = 1;
    pthread_cond_signal(&teller.over);
    pthread_mutex_unlock(&teller.lock);
    if (!err)
        pthread_join(thread, NULL);
    pthread_cond_destroy(&teller.over);
    return error;
}

wasmtime_module *eu_wasmtime_module(struct eu_guest *guest, wasm_engine *engine, const void *wasm, size_t size) {
    char name[NAME + 1], line[600];
    wasmtime_module *module = NULL;
    int folder = open_folder(guest->options->cache);
    if (folder >= 0 && name_of(name, guest->options->library, wasm, size)) {
        close(folder);
        folder = -1;
    }
    if (folder >= 0)
        module = take(engine, folder, name);
    if (!module) {
        wasmtime_error *error = compile(guest, engine, wasm, size, &module);
        if (error) {
            module = NULL;
            eu_fail(EINVAL, "compile the module: %s", eu_wasmtime_message(error, line, sizeof(line)));
        } else if (folder >= 0) {
            keep(module, folder, name);
        }
        if (malloc_trim) /* the compiler's memory, 60 MB of it for a guest in Go */
            malloc_trim(0);
    }
    if (folder >= 0)
        close(folder);
    return module;
}
