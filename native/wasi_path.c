/* Paths: all are resolved by the kernel below the directory they start from, never by text; links that lead out of it, absolute
 * ones and the magic links of /proc are refused whoever changes the tree meanwhile.
 * Kernel: openat2(2), 5.6+. */
#include "wasi.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

int eu_wasi_path(struct eu_wasi *wasi, uint32_t at, uint32_t len, char path[WASI_PATH]) {
    const void *from = wasi_bytes(wasi, at, len);
    if (!from)
        return -EFAULT;
    if (len >= WASI_PATH)
        return -ENAMETOOLONG;
    if (memchr(from, 0, len))
        return -EINVAL;
    memcpy(path, from, len);
    path[len] = 0;
    return len ? 0 : -ENOENT;
}

int eu_wasi_beneath(int dir, const char *path, uint64_t flags, uint32_t mode) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    for (int tries = 0; tries < 64; tries++) {
        long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
        if (fd >= 0)
            return fd;
        if (errno == EXDEV)
            return -EU_ENOTCAPABLE;
        if (errno != EAGAIN && errno != EINTR) /* EAGAIN: somebody renames something, and the path has a .. */
            return -errno;
    }
    return -EAGAIN;
}

/* The directory that a path's last name is in, opened, and that name. */
struct place {
    int dir;
    int is_slashed; /* it ends with slashes: only a directory is meant */
    char path[WASI_PATH];
    const char *name; /* in path */
};

static int split(struct place *place) {
    size_t len = strlen(place->path);
    while (len > 1 && place->path[len - 1] == '/') {
        place->path[--len] = 0;
        place->is_slashed = 1;
    }
    char *slash = strrchr(place->path, '/');
    place->name = slash ? slash + 1 : place->path;
    if (slash == place->path)
        return -EU_ENOTCAPABLE; /* absolute */
    if (slash)
        *slash = 0;
    return slash ? 1 : 0;
}

/* in: the directory's number, given apart, and address and length of the path. -EROFS where nothing may change; close place->dir. */
static int place_of(struct eu_wasi *wasi, uint32_t fd, uint64_t right, const union eu_slot *in, struct place *place) {
    struct eu_wasi_file *directory;
    place->is_slashed = 0;
    int err = eu_wasi_changing(wasi, fd, right, &directory);
    if (!err)
        err = eu_wasi_path(wasi, in[0].u32, in[1].u32, place->path);
    if (err)
        return err;
    int has_parent = split(place);
    if (has_parent < 0)
        return has_parent;
    place->dir = eu_wasi_beneath(directory->fd, has_parent ? place->path : ".", O_PATH | O_DIRECTORY, 0);
    return place->dir < 0 ? place->dir : 0;
}

/* A name with slashes behind it that is there and is no directory. The kernel would follow a link there, so it never sees them. */
static int is_misnamed(const struct place *place) {
    struct stat stat;
    return place->is_slashed && !fstatat(place->dir, place->name, &stat, AT_SYMLINK_NOFOLLOW) && !S_ISDIR(stat.st_mode);
}

int eu_wasi_path_create_directory(struct eu_wasi *wasi, const union eu_slot *in) {
    struct place place;
    int err = place_of(wasi, in[0].u32, RIGHT_MAKE_DIRECTORY, in + 1, &place);
    if (err)
        return err;
    err = mkdirat(place.dir, place.name, 0777) ? -errno : 0;
    close(place.dir);
    return err;
}

static int removes(struct eu_wasi *wasi, const union eu_slot *in, uint64_t right, int flags) {
    struct place place;
    int err = place_of(wasi, in[0].u32, right, in + 1, &place);
    if (err)
        return err;
    err = is_misnamed(&place) ? -ENOTDIR : unlinkat(place.dir, place.name, flags) ? -errno : 0;
    close(place.dir);
    return err;
}

int eu_wasi_path_remove_directory(struct eu_wasi *wasi, const union eu_slot *in) {
    return removes(wasi, in, RIGHT_REMOVE_DIRECTORY, AT_REMOVEDIR);
}

int eu_wasi_path_unlink_file(struct eu_wasi *wasi, const union eu_slot *in) {
    return removes(wasi, in, RIGHT_UNLINK, 0);
}

/* Rename, or link: both places must be where things may change, or a file of a read-only directory could be had in another. */
static int between(struct eu_wasi *wasi, const union eu_slot *from_in, const union eu_slot *to_in, int is_link) {
    struct place from, to;
    int err = place_of(wasi, from_in[0].u32, is_link ? RIGHT_LINK_SOURCE : RIGHT_RENAME_SOURCE, from_in + (is_link ? 2 : 1), &from);
    if (err)
        return err;
    err = place_of(wasi, to_in[0].u32, is_link ? RIGHT_LINK_TARGET : RIGHT_RENAME_TARGET, to_in + 1, &to);
    if (!err) {
        if (is_misnamed(&from) || is_misnamed(&to))
            err = -ENOTDIR;
        else if (is_link ? linkat(from.dir, from.name, to.dir, to.name, 0) : renameat(from.dir, from.name, to.dir, to.name))
            err = -errno;
        close(to.dir);
    }
    close(from.dir);
    return err;
}

int eu_wasi_path_rename(struct eu_wasi *wasi, const union eu_slot *in) {
    return between(wasi, in, in + 3, 0);
}

int eu_wasi_path_link(struct eu_wasi *wasi, const union eu_slot *in) {
    return in[1].u32 & LOOKUP_FOLLOW ? -EINVAL : between(wasi, in, in + 4, 1);
}

/* in: the text of the link and its length, the directory, the link's path. */
int eu_wasi_path_symlink(struct eu_wasi *wasi, const union eu_slot *in) {
    char text[WASI_PATH];
    struct place place;
    int err = eu_wasi_path(wasi, in[0].u32, in[1].u32, text);
    if (!err && *text == '/')
        err = -EU_ENOTCAPABLE; /* not for the guest, who could not follow it, but for others who would */
    if (!err)
        err = place_of(wasi, in[2].u32, RIGHT_SYMLINK, in + 3, &place);
    if (err)
        return err;
    err = place.is_slashed ? -ENOENT : symlinkat(text, place.dir, place.name) ? -errno : 0;
    close(place.dir);
    return err;
}

int eu_wasi_path_readlink(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *directory;
    char path[WASI_PATH], text[WASI_PATH];
    int err = eu_wasi_file(wasi, in[0].u32, RIGHT_READLINK, &directory);
    if (!err)
        err = eu_wasi_path(wasi, in[1].u32, in[2].u32, path);
    int fd = err ? err : eu_wasi_beneath(directory->fd, path, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    ssize_t len = readlinkat(fd, "", text, sizeof(text));
    err = len >= 0 ? 0 : errno == ENOENT ? -EINVAL : -errno; /* ENOENT: it is no link */
    close(fd);
    if (!err && len > in[4].u32)
        len = in[4].u32;
    if (!err)
        err = wasi_put(wasi, in[3].u32, text, len);
    return err ? err : wasi_put32(wasi, in[5].u32, len);
}

enum { OPEN_CREATE = 1, OPEN_DIRECTORY = 2, OPEN_EXCLUSIVE = 4, OPEN_TRUNCATE = 8 };

static int is_for_writing(const union eu_slot *in) {
    return !(in[4].u32 & OPEN_DIRECTORY) && (in[5].u64 & RIGHT_WRITE || in[4].u32 & OPEN_TRUNCATE);
}

/* Never wait in open(2), as a pipe without another end would, and take no terminal. */
static uint64_t open_flags(const union eu_slot *in) {
    uint32_t how = in[4].u32, flags = in[7].u32;
    uint64_t made = O_NONBLOCK | O_NOCTTY | (in[1].u32 & LOOKUP_FOLLOW ? 0 : O_NOFOLLOW);
    made |= !is_for_writing(in) ? O_RDONLY : in[5].u64 & RIGHT_READ ? O_RDWR : O_WRONLY;
    made |= (how & OPEN_CREATE ? O_CREAT : 0) | (how & OPEN_EXCLUSIVE ? O_EXCL : 0) | (how & OPEN_TRUNCATE ? O_TRUNC : 0);
    made |= how & OPEN_DIRECTORY ? O_DIRECTORY : 0;
    return made | (flags & FLAG_APPEND ? O_APPEND : 0) | (flags & FLAG_DSYNC ? O_DSYNC : 0) |
           (flags & (FLAG_SYNC | FLAG_RSYNC) ? O_SYNC : 0);
}

/* What lies in /proc and gives more than its directory says: the memory of processes and of the kernel, and the host's own
 * environment, which a guest does not get either. */
static int is_refused(int fd, int is_writing) {
    char link[32], path[WASI_PATH], own[32];
    struct statfs fs;
    if (fstatfs(fd, &fs) || fs.f_type != PROC_SUPER_MAGIC)
        return 0;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    snprintf(own, sizeof(own), "/%d/", (int)getpid());
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    path[len < 0 ? 0 : len] = 0;
    const char *name = strrchr(path, '/');
    return is_writing || !name || !strcmp(name, "/mem") || !strcmp(name, "/kcore") || (!strcmp(name, "/environ") && strstr(path, own));
}

/* The rights of what is opened. Only reading and writing are taken from what the guest asked for: many ask for less than they use
 * since engines stopped to look. */
static void grant(const struct eu_wasi_file *directory, const union eu_slot *in, struct eu_wasi_file *made) {
    uint64_t asked = in[5].u64;
    if (made->type == TYPE_DIRECTORY) {
        made->base = directory->inheriting & RIGHTS_DIRECTORY;
        made->inheriting = directory->inheriting;
        return;
    }
    made->base = directory->inheriting & RIGHTS_FILE;
    if (is_for_writing(in) && !(asked & RIGHT_READ))
        made->base &= ~(uint64_t)RIGHT_READ;
    if (!(asked & RIGHT_WRITE))
        made->base &= ~(uint64_t)RIGHTS_WRITE;
}

static int opens(struct eu_wasi *wasi, const union eu_slot *in, const struct eu_wasi_file *directory, struct eu_wasi_file *made) {
    char path[WASI_PATH];
    struct stat stat;
    int err = eu_wasi_path(wasi, in[2].u32, in[3].u32, path);
    if (err)
        return err;
    int fd = eu_wasi_beneath(directory->fd, path, open_flags(in), in[4].u32 & OPEN_CREATE ? 0666 : 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &stat) || is_refused(fd, is_for_writing(in))) {
        close(fd);
        return -EACCES;
    }
    *made = (struct eu_wasi_file){.fd = fd,
                                  .type = eu_wasi_type(stat.st_mode),
                                  .flags = in[7].u32 & 0x1f,
                                  .is_writable = directory->is_writable,
                                  .is_stream = wasi_is_stream(stat.st_mode)};
    grant(directory, in, made);
    return 0;
}

/* in: directory, lookup flags, path, its length, open flags, rights, rights of what is below, flags, where the number goes. */
int eu_wasi_path_open(struct eu_wasi *wasi, const union eu_slot *in) {
    struct eu_wasi_file *directory;
    uint32_t how = in[4].u32;
    int changes = is_for_writing(in) || how & OPEN_CREATE;
    uint64_t rights = RIGHT_OPEN | (how & OPEN_CREATE ? RIGHT_MAKE_FILE : 0) | (how & OPEN_TRUNCATE ? RIGHT_PATH_SIZE : 0);
    int err = changes ? eu_wasi_changing(wasi, in[0].u32, rights, &directory) : eu_wasi_file(wasi, in[0].u32, rights, &directory);
    if (err)
        return err;
    if ((in[5].u64 & RIGHT_WRITE) & ~directory->inheriting || (in[5].u64 & RIGHT_READ) & ~directory->inheriting)
        return -EU_ENOTCAPABLE;
    if (how > 15 || (how & OPEN_DIRECTORY && how & (OPEN_CREATE | OPEN_TRUNCATE)))
        return -EINVAL;
    int number = eu_wasi_free_number(wasi, 0);
    if (number < 0)
        return number;
    err = wasi_put32(wasi, in[8].u32, number);
    return err ? err : opens(wasi, in, directory, &wasi->files[number]);
}
