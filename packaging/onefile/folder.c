/* Where a one-file ecli is unpacked: the first folder that only its user can write and that programs can run from. */
#define _GNU_SOURCE
#include "launcher.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static char tried[512];

static void note(const char *path, const char *why) {
    size_t length = strlen(tried);

    snprintf(tried + length, sizeof(tried) - length, "%s%s: %s", length ? "; " : "", path, why);
}

/* Another user who can write a folder would choose what we run. A sticky one of root's lets nobody touch what is ours in it. */
static bool is_ours(const char *path, bool may_be_shared) {
    struct stat facts;

    if (lstat(path, &facts) || !S_ISDIR(facts.st_mode))
        return false;
    if (may_be_shared && facts.st_uid == 0 && (facts.st_mode & S_ISVTX))
        return true;
    return (facts.st_uid == geteuid() || facts.st_uid == 0) && !(facts.st_mode & 022);
}

/* Make the folders of path below base, each ours alone. */
static bool make_below(char *path, size_t base) {
    for (char *slash = strchr(path + base + 1, '/');; slash = strchr(slash + 1, '/')) {
        struct stat facts;

        if (slash)
            *slash = 0;
        if (mkdir(path, 0700) && errno != EEXIST) {
            note(path, strerror(errno));
            return false;
        }
        if (lstat(path, &facts) || !S_ISDIR(facts.st_mode) || facts.st_uid != geteuid() || (facts.st_mode & 022)) {
            note(path, "other users can write it");
            return false;
        }
        if (!slash)
            return true;
        *slash = '/';
    }
}

/* Whether every file of the list is there with its size: temporary folders are swept by age, file by file. */
static bool is_whole(const struct payload *payload, const char *folder) {
    const char *place = payload->list, *path;
    int at = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct payload_file file;
    struct stat facts;
    bool whole = at >= 0 && !fstat(at, &facts) && facts.st_uid == geteuid();

    while (whole && next_file(payload, &place, &file, &path))
        whole = !fstatat(at, path, &facts, AT_SYMLINK_NOFOLLOW) && S_ISREG(facts.st_mode) && facts.st_size == (off_t)file.size;
    if (at >= 0)
        close(at);
    return whole;
}

static bool can_hold(const struct payload *payload, const char *folder) {
    struct statvfs system;

    if (statvfs(folder, &system)) {
        note(folder, strerror(errno));
        return false;
    }
    if (system.f_flag & ST_NOEXEC) {
        note(folder, "mounted noexec");
        return false;
    }
    if ((uint64_t)system.f_bavail * system.f_frsize < payload->unpacked_size) {
        note(folder, "no space left");
        return false;
    }
    if (access(folder, W_OK)) {
        note(folder, strerror(errno));
        return false;
    }
    return true;
}

/* Try one place: 1 where the build is there and whole, 0 where it can be made, -1 where it cannot. */
static int try_place(const struct payload *payload, const char *base, const char *below, char folder[PATH_MAX]) {
    char parent[PATH_MAX - PAYLOAD_NAME - 32]; /* room for the name, and for what it is called while it is made */
    int length = snprintf(parent, sizeof(parent), "%s%s", base, below);
    struct statvfs system;

    if (base[0] != '/' || length < 0 || (size_t)length >= sizeof(parent))
        return -1;
    snprintf(folder, PATH_MAX, "%s/%s", parent, payload->name);
    if (!is_ours(base, true)) {
        note(base, access(base, F_OK) ? strerror(errno) : "other users can write it");
        return -1;
    }
    if (is_ours(parent, false) && is_whole(payload, folder) && !statvfs(parent, &system) && !(system.f_flag & ST_NOEXEC))
        return 1;
    if (*below && !make_below(parent, strlen(base)))
        return -1;
    return can_hold(payload, parent) ? 0 : -1;
}

static bool try_home(const struct payload *payload, char folder[PATH_MAX], int *found) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (cache && cache[0] == '/' && (*found = try_place(payload, cache, "/eunomia/onefile", folder)) >= 0)
        return true;
    return home && home[0] == '/' && home[1] && (*found = try_place(payload, home, "/.cache/eunomia/onefile", folder)) >= 0;
}

bool find_folder(const struct payload *payload, char folder[PATH_MAX]) {
    static const char *const shared[] = {"/var/tmp", "/tmp", "/dev/shm", "/run"};
    const char *asked = getenv("EUNOMIA_ONEFILE_DIR");
    char below[64];
    int found = -1;

    if (asked && *asked) {
        if (asked[0] != '/')
            fail("start: EUNOMIA_ONEFILE_DIR=%s: not an absolute path", asked);
        if ((found = try_place(payload, asked, "", folder)) < 0)
            fail("start: EUNOMIA_ONEFILE_DIR: %s", tried);
        return found;
    }
    if (try_home(payload, folder, &found))
        return found;
    if (geteuid() == 0 && (found = try_place(payload, "/", "var/cache/eunomia/onefile", folder)) >= 0)
        return found;
    snprintf(below, sizeof(below), "/eunomia-%u", (unsigned)geteuid());
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        if ((found = try_place(payload, shared[i], below, folder)) >= 0)
            return found;
    fail("start: no folder to unpack into: %s [EUNOMIA_ONEFILE_DIR=FOLDER]", tried);
}
