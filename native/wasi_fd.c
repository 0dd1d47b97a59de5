/* The guest's descriptors: what a number stands for, its rights and flags, closing and renumbering. */
#include "wasi.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int eu_wasi_file(struct eu_wasi *wasi, uint32_t fd, uint64_t rights, struct eu_wasi_file **file) {
    if (fd >= WASI_FILES || wasi->files[fd].fd < 0)
        return -EBADF;
    *file = &wasi->files[fd];
    return ((*file)->base & rights) == rights ? 0 : -EU_ENOTCAPABLE;
}

int eu_wasi_changing(struct eu_wasi *wasi, uint32_t fd, uint64_t rights, struct eu_wasi_file **file) {
    int err = eu_wasi_file(wasi, fd, rights, file);
    return err ? err : (*file)->is_writable ? 0 : -EROFS;
}

int eu_wasi_free_number(struct eu_wasi *wasi, int from) {
    for (int number = from; number < WASI_FILES; number++)
        if (wasi->files[number].fd < 0)
            return number;
    return -EMFILE;
}

void eu_wasi_file_close(struct eu_wasi_file *file) {
    if (file->fd >= 0 && !file->is_stdio)
        close(file->fd);
    free(file->preopen);
    *file = (struct eu_wasi_file){.fd = -1};
}

uint8_t eu_wasi_type(mode_t mode) {
    return S_ISREG(mode)    ? TYPE_REGULAR
           : S_ISDIR(mode)  ? TYPE_DIRECTORY
           : S_ISLNK(mode)  ? TYPE_LINK
           : S_ISCHR(mode)  ? TYPE_CHARACTER
           : S_ISBLK(mode)  ? TYPE_BLOCK
           : S_ISSOCK(mode) ? TYPE_STREAM
                            : TYPE_UNKNOWN;
}

int eu_wasi_fd_close(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    int err = eu_wasi_file(wasi, in[0].u32, 0, &file);
    if (!err)
        eu_wasi_file_close(file);
    return err;
}

/* A preopened directory keeps its number: attaching by descriptor counts on it. */
int eu_wasi_fd_renumber(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *from, *to;
    int err = eu_wasi_file(wasi, in[0].u32, 0, &from);
    if (!err)
        err = eu_wasi_file(wasi, in[1].u32, 0, &to);
    if (err || from == to)
        return err;
    if (from->preopen || to->preopen)
        return -EOPNOTSUPP;
    eu_wasi_file_close(to);
    *to = *from;
    *from = (struct eu_wasi_file){.fd = -1};
    return 0;
}

int eu_wasi_fd_fdstat_get(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    int err = eu_wasi_file(wasi, in[0].u32, 0, &file);
    if (err)
        return err;
    struct {
        uint8_t type, pad;
        uint16_t flags;
        uint32_t more;
        uint64_t base, inheriting;
    } stat = {.type = file->type, .flags = file->flags, .base = file->base, .inheriting = file->inheriting};
    _Static_assert(sizeof(stat) == 24, "fdstat of WASI");
    return wasi_put(wasi, in[1].u32, &stat, sizeof(stat));
}

int eu_wasi_fd_fdstat_set_flags(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    uint32_t flags = in[1].u32;
    int err = eu_wasi_file(wasi, in[0].u32, RIGHT_SET_FLAGS, &file);
    if (err)
        return err;
    if (flags & ~(FLAG_APPEND | FLAG_DSYNC | FLAG_NONBLOCK | FLAG_RSYNC | FLAG_SYNC) ||
        ((flags ^ file->flags) & ~(FLAG_APPEND | FLAG_NONBLOCK)))
        return -EINVAL; /* Linux cannot change O_SYNC of an open file either */
    if (!file->is_stdio && ((flags ^ file->flags) & FLAG_APPEND) &&
        fcntl(file->fd, F_SETFL, O_NONBLOCK | (flags & FLAG_APPEND ? O_APPEND : 0)))
        return -errno;
    file->flags = flags;
    return 0;
}

int eu_wasi_fd_fdstat_set_rights(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    int err = eu_wasi_file(wasi, in[0].u32, in[1].u64, &file);
    if (err)
        return err;
    if (in[2].u64 & ~file->inheriting)
        return -EU_ENOTCAPABLE;
    file->base = in[1].u64;
    file->inheriting = in[2].u64;
    return 0;
}

/* EBADF ends wasi-libc's search for preopened directories, hence also for what is open and is none. */
static int preopen(struct eu_wasi *wasi, uint32_t fd, struct eu_wasi_file **file) {
    int err = eu_wasi_file(wasi, fd, 0, file);
    return err ? err : (*file)->preopen ? 0 : -EBADF;
}

int eu_wasi_fd_prestat_get(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    int err = preopen(wasi, in[0].u32, &file);
    if (err)
        return err;
    uint32_t prestat[] = {0 /* a directory */, strlen(file->preopen)};
    return wasi_put(wasi, in[1].u32, prestat, sizeof(prestat));
}

int eu_wasi_fd_prestat_dir_name(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *file;
    int err = preopen(wasi, in[0].u32, &file);
    if (err)
        return err;
    size_t len = strlen(file->preopen);
    return in[2].u32 < len ? -ENAMETOOLONG : wasi_put(wasi, in[1].u32, file->preopen, len);
}

static int is_no_socket(struct eu_wasi *wasi, uint32_t fd) {
    struct eu_wasi_file *file;
    int err = eu_wasi_file(wasi, fd, 0, &file);
    return err ? err : -ENOTSOCK;
}

int eu_wasi_sock_accept(struct eu_wasi *wasi, const union eu_slot *in) {
    return is_no_socket(wasi, in[0].u32);
}

int eu_wasi_sock_recv(struct eu_wasi *wasi, const union eu_slot *in) {
    return is_no_socket(wasi, in[0].u32);
}

int eu_wasi_sock_send(struct eu_wasi *wasi, const union eu_slot *in) {
    return is_no_socket(wasi, in[0].u32);
}

int eu_wasi_sock_shutdown(struct eu_wasi *wasi, const union eu_slot *in) {
    return is_no_socket(wasi, in[0].u32);
}
