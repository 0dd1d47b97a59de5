/* State files: one for each run, locked as long as its process lives. */
#define _GNU_SOURCE
#include "state.h"
#include "error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 8, NAME_ROOM = 272, PATIENCE_US = 500 };

static int has_own_run_dir(char *path, size_t room) {
    struct stat status;
    int size = snprintf(path, room, "/run/user/%u", geteuid());
    return size < (int)room && !lstat(path, &status) && S_ISDIR(status.st_mode) && status.st_uid == geteuid();
}

int eu_state_dir(char *path, size_t room) {
    const char *given = getenv("EUNOMIA_RUNTIME_DIR"), *user = getenv("XDG_RUNTIME_DIR");
    int size;
    if (given && *given == '/')
        size = snprintf(path, room, "%s", given);
    else if (!geteuid())
        size = snprintf(path, room, "/run/eunomia");
    else if (user && *user == '/')
        size = snprintf(path, room, "%s/eunomia", user);
    else if (has_own_run_dir(path, room)) /* su and setpriv forget the variable */
        size = (int)(strlen(path) + snprintf(path + strlen(path), room - strlen(path), "/eunomia"));
    else
        return eu_fail(ENOENT, "state directory: XDG_RUNTIME_DIR is not set [log in with a session, or set EUNOMIA_RUNTIME_DIR]");
    return size < (int)room ? size : eu_fail(ENAMETOOLONG, "state directory: its path is too long");
}

int eu_state_open(int make) {
    char path[4096];
    struct stat status;
    int err = eu_state_dir(path, sizeof(path));
    if (err < 0)
        return err;
    if (make && mkdir(path, 0700) && errno != EEXIST)
        return eu_fail(errno, "make state directory %s: %s", path, eu_reason(errno));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return eu_fail(errno, "open state directory %s: %s", path, eu_reason(errno));
    if (!fstat(fd, &status) && status.st_uid == geteuid() && !(status.st_mode & 022))
        return fd;
    close(fd);
    return eu_fail(EPERM, "state directory %s: others may write to it, or it is another user's [chown it, chmod 700]", path);
}

int eu_state_is_locked(int fd) {
    if (flock(fd, LOCK_SH | LOCK_NB))
        return errno == EWOULDBLOCK;
    flock(fd, LOCK_UN);
    return 0;
}

/* Take away a file of this name that nobody holds: 1 it is gone, 0 somebody lives. */
static int take_away_stale(int dir, const char *file) {
    struct stat mine, there;
    int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || (errno == ELOOP && !unlinkat(dir, file, 0));
    int stale = !flock(fd, LOCK_EX | LOCK_NB);                                   /* two that start at once agree who takes it away */
    for (int i = 0; !stale && i < TRIES && !flock(fd, LOCK_SH | LOCK_NB); i++) { /* only somebody who looks at it, as `ecli ps` does */
        usleep(PATIENCE_US);
        stale = !flock(fd, LOCK_EX | LOCK_NB);
    }
    if (stale && !fstat(fd, &mine) && !fstatat(dir, file, &there, AT_SYMLINK_NOFOLLOW) && mine.st_ino == there.st_ino)
        stale = !unlinkat(dir, file, 0) || errno == ENOENT;
    close(fd);
    return stale;
}

int eu_state_take_away(const char *file) {
    int dir = eu_state_open(0);
    if (dir < 0)
        return dir;
    int gone = strchr(file, '/') ? 0 : take_away_stale(dir, file);
    close(dir);
    return gone;
}

/* Whether a stale file says that pins of its run stay: it is no leftover. */
static int has_pins(int dir, const char *file) {
    char text[8192];
    int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (size < 0)
        return 0;
    text[size] = 0;
    return strstr(text, "\"pins\":\"") != NULL;
}

static int write_file(int dir, const void *text, size_t size) {
    int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (!flock(fd, LOCK_EX | LOCK_NB) && write(fd, text, size) == (ssize_t)size)
        return fd;
    int err = errno ? errno : ENOSPC;
    close(fd);
    return -err;
}

static int link_file(int dir, int fd, const char *file) {
    char self[32];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    for (int i = 0; i < TRIES; i++) {
        if (!linkat(AT_FDCWD, self, dir, file, AT_SYMLINK_FOLLOW))
            return 0;
        if (errno != EEXIST)
            return -errno;
        if (has_pins(dir, file) || !take_away_stale(dir, file))
            return -EEXIST;
    }
    return -EEXIST;
}

int eu_state_claim(const char *name, const void *text, size_t size) {
    char file[NAME_ROOM];
    if (snprintf(file, sizeof(file), "%s.json", name) >= (int)sizeof(file) || strchr(name, '/'))
        return eu_fail(EINVAL, "state %.64s: no name for a run", name);
    int dir = eu_state_open(1);
    if (dir < 0)
        return dir;
    errno = 0;
    int fd = write_file(dir, text, size), err = fd < 0 ? fd : link_file(dir, fd, file); /* link: the file is there whole, or not at all */
    close(dir);
    if (!err)
        return fd;
    if (fd >= 0)
        close(fd);
    return eu_fail(-err, "write state %s: %s", file, eu_reason(-err));
}

void eu_state_release(const char *name, int fd) {
    char file[NAME_ROOM];
    struct stat mine, there;
    int dir = eu_state_open(0);
    if (dir >= 0 && snprintf(file, sizeof(file), "%s.json", name) < (int)sizeof(file) && !fstat(fd, &mine) &&
        !fstatat(dir, file, &there, AT_SYMLINK_NOFOLLOW) && mine.st_ino == there.st_ino)
        unlinkat(dir, file, 0);
    if (dir >= 0)
        close(dir);
    close(fd);
}

uint64_t eu_process_start(int pid) {
    char path[32], text[1024];
    unsigned long long start = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (size <= 0)
        return 0;
    text[size] = 0;
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at && sscanf(at, "%llu", &start) == 1 ? start : 0;
}
