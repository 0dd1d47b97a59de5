/* tracefs by its mount where there is one, else a private one through fsopen(2), which nothing else sees. Kernel: 5.2+ */
#define _GNU_SOURCE
#include "tracefs.h"
#include "error.h"
#include "eunomia.h"
#include "near.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FSOPEN_CLOEXEC_FLAG = 1, FSMOUNT_CLOEXEC_FLAG = 1, FSCONFIG_CREATE = 6 };

static int mounted(const char *path) {
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && faccessat(fd, "events", R_OK | X_OK, 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int private_mount(void) {
    int context = syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC_FLAG);
    if (context < 0)
        return -1;
    int fd =
        syscall(SYS_fsconfig, context, FSCONFIG_CREATE, NULL, NULL, 0) ? -1 : (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC_FLAG, 0);
    int err = errno;
    close(context);
    errno = err;
    return fd;
}

int eu_tracefs(void) {
    static int kept = -1;
    if (kept >= 0)
        return kept;
    if ((kept = mounted("/sys/kernel/tracing")) >= 0 || (kept = mounted("/sys/kernel/debug/tracing")) >= 0)
        return kept;
    kept = private_mount();
    if (kept < 0)
        return eu_fail(errno, "open tracefs: %s%s", eu_reason(errno),
                       errno == EPERM || errno == EACCES ? " [tracepoint ids need CAP_SYS_ADMIN where it is not mounted; run with sudo]"
                                                         : "");
    return kept;
}

static void offer_entries(struct eu_near *near, int root, const char *folder, const char *prefix) {
    int fd = openat(root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    char name[300];
    while (entries && (entry = readdir(entries))) {
        snprintf(name, sizeof(name), "%s%s", prefix, entry->d_name);
        if (entry->d_name[0] != '.')
            eu_near_offer(near, name);
    }
    if (entries)
        closedir(entries);
}

/* A tracepoint of the same category, else the same name in another category. */
static void suggest(struct eu_near *near, int root, const char *tracepoint) {
    char folder[160], prefix[130];
    const char *slash = strchr(tracepoint, '/');
    eu_near_start(near, tracepoint);
    snprintf(prefix, sizeof(prefix), "%.*s/", (int)(slash - tracepoint), tracepoint);
    snprintf(folder, sizeof(folder), "events/%s", prefix);
    offer_entries(near, root, folder, prefix);
    if (near->best[0])
        return;
    int fd = openat(root, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *categories = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    while (categories && (entry = readdir(categories))) {
        snprintf(folder, sizeof(folder), "events/%.100s%s", entry->d_name, slash);
        if (entry->d_name[0] != '.' && !faccessat(root, folder, F_OK, 0)) {
            snprintf(near->best, sizeof(near->best), "%.60s%.60s", entry->d_name, slash);
            break;
        }
    }
    if (categories)
        closedir(categories);
    if (!near->best[0]) {
        snprintf(folder, sizeof(folder), "%s", "events");
        offer_entries(near, root, folder, "");
    }
}

int eu_tracepoint_id(const char *tracepoint) {
    char path[300], text[32] = "", hint[160];
    int root = eu_tracefs();
    if (root < 0)
        return root;
    if (!strchr(tracepoint, '/') || strstr(tracepoint, "..") || strlen(tracepoint) > 200)
        return eu_fail(EINVAL, "tracepoint %.200s: not of the form category/name", tracepoint);
    snprintf(path, sizeof(path), "events/%s/id", tracepoint);
    int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        struct eu_near near;
        suggest(&near, root, tracepoint);
        return eu_fail(ENOENT, "tracepoint %s: not in this kernel%s", tracepoint, eu_near_hint(&near, hint, sizeof(hint)));
    }
    if (fd < 0)
        return eu_fail(errno, "tracepoint %s: read its id: %s%s", tracepoint, eu_reason(errno),
                       errno == EACCES ? " [needs CAP_DAC_READ_SEARCH; run with sudo]" : "");
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    int id = got > 0 ? atoi(text) : 0;
    return id > 0 ? id : eu_fail(EIO, "tracepoint %s: its id file holds no number", tracepoint);
}
