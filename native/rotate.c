/* Rotation of a file of events by renames: FILE, FILE.1, FILE.2, ..., the oldest has the largest number. */
#define _GNU_SOURCE
#include "error.h"
#include "output.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 1000000 };

static int name_of(char *name, const char *path, int number) {
    int size = number ? snprintf(name, PATH_MAX, "%s.%d", path, number) : snprintf(name, PATH_MAX, "%s", path);
    return size < PATH_MAX ? 0 : eu_fail(ENAMETOOLONG, "rotate %s: %s", path, eu_strerror(ENAMETOOLONG));
}

/* Give every old file the next number, the oldest first, so that none is overwritten but the one beyond `keep`. */
static int move_up(const char *path, int keep) {
    char from[PATH_MAX], to[PATH_MAX];
    struct stat status;
    int last = 0;
    do
        if (name_of(from, path, ++last))
            return -eu_errno();
    while (last < (keep ? keep : MOST_FILES) && !lstat(from, &status));
    for (int number = last; number-- > 0;) {
        if (name_of(from, path, number) || name_of(to, path, number + 1))
            return -eu_errno();
        if (rename(from, to) && (number || errno != ENOENT)) /* somebody else took it away: the new one is what counts */
            return eu_fail(errno, "rotate %s to %s: %s", from, to, eu_strerror(errno));
    }
    return 0;
}

int eu_rotate_files(const char *path, int keep) {
    struct stat status;
    return lstat(path, &status) ? 0 : move_up(path, keep);
}

/* What else goes to the old file goes to the new one, as the lines of standard error in the log of a detached run. */
static void take_stderr_along(const struct stat *old, int fd) {
    struct stat there;
    if (!fstat(STDERR_FILENO, &there) && there.st_dev == old->st_dev && there.st_ino == old->st_ino)
        dup3(fd, STDERR_FILENO, 0);
}

int eu_output_rotate(struct eu_output *output) {
    struct stat status;
    if (!output->has_events)
        return 0;
    if (fstat(output->given, &status))
        return eu_fail(errno, "rotate %s: %s", output->path, eu_strerror(errno));
    int err = move_up(output->path, output->keep);
    if (err)
        return err;
    /* exclusive: in a folder that others may write to, nobody can put a link in its place */
    int appends = fcntl(output->given, F_GETFL) & O_APPEND;
    int fd = open(output->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | appends, status.st_mode & 0777);
    if (fd < 0)
        return eu_fail(errno, "rotate: open %s: %s", output->path, eu_strerror(errno));
    /* under the caller's number, so that the caller goes on with it too */
    if (output->given != STDERR_FILENO)
        take_stderr_along(&status, fd);
    err = dup3(fd, output->given, O_CLOEXEC) < 0 ? eu_fail(errno, "rotate %s: %s", output->path, eu_strerror(errno)) : 0;
    close(fd);
    output->file_size = 0;
    output->has_events = 0;
    return err ? err : 1;
}
