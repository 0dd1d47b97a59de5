/* Waiting for a file to grow, and for another to take its name (inotify(7)). */
#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

int eu_watch_open(const char *folder, const char *path) {
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return eu_fail(errno, "watch %s: %s", path, eu_reason(errno));
    /* the folder: rotation puts a new file under the name; its other files growing wakes nobody */
    if (inotify_add_watch(fd, folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) >= 0 &&
        (inotify_add_watch(fd, path, IN_MODIFY | IN_MOVE_SELF | IN_ATTRIB) >= 0 || errno == ENOENT))
        return fd;
    int err = errno;
    close(fd);
    return eu_fail(err, "watch %s: %s", path, eu_reason(err));
}

void eu_watch_drain(int watch) {
    char events[4096];
    while (read(watch, events, sizeof(events)) > 0)
        ;
}

int eu_watch_saves(int watch, const char *folder) {
    int fd = watch >= 0 ? watch : inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= 0 && inotify_add_watch(fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR) >= 0)
        return fd;
    int err = errno;
    if (fd >= 0 && watch < 0)
        close(fd);
    return eu_fail(err, "watch %s: %s", folder, eu_reason(err));
}
