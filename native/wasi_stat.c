/* What a file is: its record, size and times; and what the kernel shall do with its contents. */
#include "wasi.h"
#include <fcntl.h>
#include <unistd.h>

static uint64_t nanoseconds(struct timespec at) {
    return at.tv_sec < 0 ? 0 : at.tv_sec * 1000000000ull + at.tv_nsec;
}

/* The record of 64 bytes, or that of wasi_unstable with links of 32 bits and 56 bytes. */
static int put_stat(struct eu_wasi *wasi, uint32_t at, const struct stat *from, uint8_t type, int is_old) {
    uint64_t record[8] = {from->st_dev, from->st_ino, type}, *next = record + 3;
    if (is_old)
        record[2] |= (uint64_t)(uint32_t)from->st_nlink << 32;
    else
        *next++ = from->st_nlink;
    *next++ = from->st_size;
    *next++ = nanoseconds(from->st_atim);
    *next++ = nanoseconds(from->st_mtim);
    *next++ = nanoseconds(from->st_ctim);
    return wasi_put(wasi, at, record, (uint8_t *)next - (uint8_t *)record);
}

static int fd_stat(struct eu_wasi *wasi, const union eu_slot *in, int is_old) {
    struct eu_wasi_file *file;
    struct stat stat = {.st_nlink = 1};
    int err = eu_wasi_file(wasi, in[0].u32, RIGHT_STAT, &file);
    if (err)
        return err;
    if (!file->is_stdio && fstat(file->fd, &stat)) /* what the host's output is, is not the guest's business */
        return -errno;
    return put_stat(wasi, in[1].u32, &stat, file->type, is_old);
}

int eu_wasi_fd_filestat_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return fd_stat(wasi, in, 0);
}

int eu_wasi_old_fd_filestat_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return fd_stat(wasi, in, 1);
}

/* The file that a path names, only to look at or to set times of: in has the directory, lookup flags, path and its length. */
static int named(struct eu_wasi *wasi, const union eu_slot *in, struct eu_wasi_file *directory) {
    char path[WASI_PATH];
    int err = eu_wasi_path(wasi, in[2].u32, in[3].u32, path);
    return err ? err : eu_wasi_beneath(directory->fd, path, O_PATH | (in[1].u32 & LOOKUP_FOLLOW ? 0 : O_NOFOLLOW), 0);
}

static int path_stat(struct eu_wasi *wasi, const union eu_slot *in, int is_old) {
    struct eu_wasi_file *directory;
    struct stat stat;
    int err = eu_wasi_file(wasi, in[0].u32, RIGHT_PATH_STAT, &directory);
    int fd = err ? err : named(wasi, in, directory);
    if (fd < 0)
        return fd;
    err = fstat(fd, &stat) ? -errno : 0;
    close(fd);
    return err ? err : put_stat(wasi, in[4].u32, &stat, eu_wasi_type(stat.st_mode), is_old);
}

int eu_wasi_path_filestat_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return path_stat(wasi, in, 0);
}

int eu_wasi_old_path_filestat_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return path_stat(wasi, in, 1);
}

static struct timespec when(uint64_t at, int is_set, int is_now) {
    if (!is_set)
        return (struct timespec){.tv_nsec = is_now ? UTIME_NOW : UTIME_OMIT};
    return (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
}

/* Flags: 1 access time as given, 2 now, 4 and 8 the same for the time of change. */
static int times(uint64_t access, uint64_t change, uint32_t flags, struct timespec out[2]) {
    if (flags > 15 || (flags & 3) == 3 || (flags & 12) == 12)
        return -EINVAL;
    out[0] = when(access, flags & 1, flags & 2);
    out[1] = when(change, flags & 4, flags & 8);
    return 0;
}

int eu_wasi_fd_filestat_set_times(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    struct timespec both[2];
    int err = eu_wasi_changing(wasi, in[0].u32, RIGHT_TIMES, &file);
    if (!err)
        err = times(in[1].u64, in[2].u64, in[3].u32, both);
    return err ? err : futimens(file->fd, both) ? -errno : 0;
}

int eu_wasi_path_filestat_set_times(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *directory;
    struct timespec both[2];
    int err = eu_wasi_changing(wasi, in[0].u32, RIGHT_PATH_TIMES, &directory);
    if (!err)
        err = times(in[4].u64, in[5].u64, in[6].u32, both);
    int fd = err ? err : named(wasi, in, directory);
    if (fd < 0)
        return fd;
    err = utimensat(fd, "", both, AT_EMPTY_PATH) ? -errno : 0;
    close(fd);
    return err;
}

int eu_wasi_fd_filestat_set_size(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    int err = eu_wasi_changing(wasi, in[0].u32, RIGHT_SIZE, &file);
    return err ? err : ftruncate(file->fd, in[1].i64) ? -errno : 0;
}

int eu_wasi_fd_allocate(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    int err = eu_wasi_changing(wasi, in[0].u32, RIGHT_ALLOCATE, &file);
    return err ? err : fallocate(file->fd, 0, in[1].i64, in[2].i64) ? -errno : 0;
}

int eu_wasi_fd_advise(struct eu_wasi *wasi, const union eu_slot *in) {
    static const uint8_t advice[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                     POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
    struct eu_wasi_file *file;
    int err = eu_wasi_file(wasi, in[0].u32, RIGHT_ADVISE, &file);
    if (err)
        return err;
    return in[3].u32 >= sizeof(advice) ? -EINVAL : -posix_fadvise(file->fd, in[1].i64, in[2].i64, advice[in[3].u32]);
}

static int flush(struct eu_wasi *wasi, uint32_t fd, uint64_t right, int (*sync)(int)) {
    struct eu_wasi_file *file;
    int err = eu_wasi_file(wasi, fd, 0, &file);
    if (err || file->is_stdio)
        return err; /* standard output is written at once */
    return !(file->base & right) ? -EU_ENOTCAPABLE : sync(file->fd) ? -errno : 0;
}

int eu_wasi_fd_sync(struct eu_wasi *wasi, const union eu_slot *in) {
    return flush(wasi, in[0].u32, RIGHT_SYNC, fsync);
}

int eu_wasi_fd_datasync(struct eu_wasi *wasi, const union eu_slot *in) {
    return flush(wasi, in[0].u32, RIGHT_SYNC | RIGHT_DATASYNC, fdatasync);
}
