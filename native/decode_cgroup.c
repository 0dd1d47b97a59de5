/* Ids of control groups (version 2, as bpf_get_current_cgroup_id gives them) to paths and to containers. */
#define _GNU_SOURCE
#include "cache.h"
#include <ctype.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WALK_LIMIT = 20000, WALK_SECONDS = 5, KERNFS_HANDLE = 0xfe /* FILEID_KERNFS, Linux 5.5 */ };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int mount_fd = -1;
static char mount_point[256];
static size_t mount_size;

/* Lines of mountinfo: id, parent, device, root, mount point, options, optional fields, "-", type, ... */
static void find_mount(void) {
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char line[1024], point[sizeof(mount_point)];
    while (file && mount_fd < 0 && fgets(line, sizeof(line), file)) {
        const char *type = strstr(line, " - ");
        if (type && !strncmp(type, " - cgroup2 ", 11) && sscanf(line, "%*d %*d %*s %*s %255s", point) == 1) {
            mount_fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            mount_size = strlen(point);
            memcpy(mount_point, point, mount_size + 1);
        }
    }
    if (file)
        fclose(file);
}

static int put_path(struct eu_word *word, const char *path) {
    size_t size = strlen(path);
    if (size < mount_size || memcmp(path, mount_point, mount_size))
        return 0;
    eu_word_put(word, size > mount_size ? path + mount_size : "/", size > mount_size ? size - mount_size : 1);
    return 1;
}

/* The id is a file handle. Needs CAP_DAC_READ_SEARCH. */
static int open_by_id(uint64_t id, struct eu_word *word) {
    struct {
        struct file_handle handle;
        uint64_t id;
    } file = {.handle = {.handle_bytes = sizeof(id), .handle_type = KERNFS_HANDLE}};
    char link[64], path[EU_WORD_ROOM];
    memcpy(file.handle.f_handle, &id, sizeof(id));
    int fd = open_by_handle_at(mount_fd, &file.handle, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return 0;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof(path) - 1);
    close(fd);
    if (size <= 0)
        return 0;
    path[size] = 0;
    return put_path(word, path);
}

static struct {
    uint64_t id;
    int left, found;
    struct eu_word *word;
} walk; /* under the cache's lock: nftw has no argument of ours */

static int at_directory(const char *path, const struct stat *status, int what, struct FTW *place) {
    (void)place;
    if (what != FTW_D || walk.left-- <= 0)
        return walk.left < 0;
    if ((uint64_t)status->st_ino != walk.id && (uint64_t)status->st_ino != (uint32_t)walk.id)
        return 0;
    walk.found = put_path(walk.word, path);
    return 1;
}

/* Without the capability or on older kernels: the directory of that inode, looked for now and then. */
static int search(uint64_t id, struct eu_word *word) {
    static time_t next;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (now.tv_sec < next)
        return 0;
    walk.id = id;
    walk.left = WALK_LIMIT;
    walk.found = 0;
    walk.word = word;
    nftw(mount_point, at_directory, 16, FTW_PHYS | FTW_MOUNT);
    if (!walk.found)
        next = now.tv_sec + WALK_SECONDS;
    return walk.found;
}

static int look_path(uint64_t id, struct eu_word *word) {
    pthread_once(&once, find_mount);
    return mount_fd >= 0 && id && (open_by_id(id, word) || search(id, word));
}

static struct eu_cache paths = EU_CACHE(look_path);

int eu_decode_cgroup(struct eu_word *word, const struct eu_raw *raw) {
    return eu_cached(&paths, (uint64_t)raw->number, word);
}

/* The last 64 hexadecimal digits in a row: docker-ID.scope, cri-containerd-ID.scope, crio-ID, libpod-ID, kubepods/.../ID. */
static const char *long_id(const char *path, size_t size) {
    size_t run = 0;
    for (size_t at = size; at > 0; at--) {
        run = isxdigit((unsigned char)path[at - 1]) ? run + 1 : 0;
        if (run == 64)
            return path + at - 1;
    }
    return NULL;
}

/* lxc.payload.NAME, /lxc/NAME, machine-NAME.scope (systemd-nspawn, libvirt). */
static int put_name(struct eu_word *word, const char *path) {
    static const char *const before[] = {"/lxc.payload.", "/lxc/", "/machine.slice/machine-"};
    for (int i = 0; i < 3; i++) {
        const char *at = strstr(path, before[i]);
        if (!at)
            continue;
        at += strlen(before[i]);
        size_t size = strcspn(at, "/");
        if (i == 2 && size > 6 && !memcmp(at + size - 6, ".scope", 6))
            size -= 6;
        eu_word_put(word, at, size);
        return size > 0;
    }
    return 0;
}

/* As container engines abbreviate it: 12 digits. Of no container: nothing. */
int eu_decode_container(struct eu_word *word, const struct eu_raw *raw) {
    struct eu_word path;
    path.used = 0;
    if (!eu_cached(&paths, (uint64_t)raw->number, &path))
        return EU_NOT_DECODED;
    path.text[path.used < EU_WORD_ROOM ? path.used : EU_WORD_ROOM - 1] = 0;
    const char *id = long_id(path.text, path.used);
    if (id)
        eu_word_put(word, id, 12);
    else
        put_name(word, path.text);
    return EU_AS_WORD;
}
