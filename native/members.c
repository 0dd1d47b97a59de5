/* Who is meant. Threads are bytes that a program keeps in a mapped array (tools/_follow/_follow.bpf.c); control
 * groups are ids that are looked up once; users and names come from /proc, for a short while. */
#define _GNU_SOURCE
#include "members.h"
#include "error.h"
#include "out.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TASKS = 4096, FRESH_MS = 200, GROUPS_LIMIT = 1 << 16, KERNFS_HANDLE = 0xfe };
enum { FSOPEN_CLOEXEC_FLAG = 1, FSMOUNT_CLOEXEC_FLAG = 1, FSCONFIG_CREATE = 6 }; /* include/uapi/linux/mount.h */

struct task {
    uint64_t read_ms;
    uint32_t pid, uid;
    char comm[64];
};

struct group {
    uint64_t id; /* 0: free */
    int is_member;
};

struct pids {
    uint8_t *bytes;
    uint32_t size;
    size_t mapped; /* bytes, 0: in memory */
};

struct eu_members {
    struct pids sets[EU_PID_SETS];
    struct task *tasks;
    int folder; /* of the control group, -1: none */
    char path[PATH_MAX];
    size_t path_size;
    struct group *groups;
    size_t nr_groups, room;
};

struct eu_members *eu_members_new(void) {
    struct eu_members *m = calloc(1, sizeof(*m));
    if (!m)
        return eu_fail_null(ENOMEM, "choose processes: out of memory");
    m->folder = -1;
    return m;
}

void eu_members_free(struct eu_members *m) {
    if (!m)
        return;
    for (int i = 0; i < EU_PID_SETS; i++)
        if (m->sets[i].mapped)
            munmap(m->sets[i].bytes, m->sets[i].mapped);
        else
            free(m->sets[i].bytes);
    if (m->folder >= 0)
        close(m->folder);
    free(m->tasks);
    free(m->groups);
    free(m);
}

int eu_members_pids(struct eu_members *m, int set, int map_fd, uint32_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (set < 0 || set >= EU_PID_SETS || m->sets[set].bytes)
        return eu_fail(EINVAL, "choose processes: set %d is not free", set);
    struct pids made = {.size = size};
    if (map_fd < 0) {
        made.bytes = calloc(1, size + 1ul);
        if (!made.bytes)
            return eu_fail(ENOMEM, "choose processes: out of memory");
    } else {
        made.mapped = (size + page - 1) / page * page;
        void *at = mmap(NULL, made.mapped, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
        if (at == MAP_FAILED)
            return eu_fail(errno, "map the bytes of threads: %s", eu_strerror(errno));
        made.bytes = at;
    }
    m->sets[set] = made;
    return 0;
}

void eu_members_set_pid(struct eu_members *m, int set, uint32_t pid, int on) {
    if (pid < m->sets[set].size)
        __atomic_store_n(&m->sets[set].bytes[pid], on != 0, __ATOMIC_RELAXED);
}

int eu_members_has_pid(struct eu_members *m, int set, uint64_t pid) {
    return pid < m->sets[set].size && __atomic_load_n(&m->sets[set].bytes[pid], __ATOMIC_RELAXED);
}

/* The path that a descriptor of a folder has now; its length, or 0. */
static size_t path_of(int fd, char *path, size_t room) {
    char link[32];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, room - 1);
    if (size <= 0 || (size_t)size >= room - 1)
        return 0;
    path[size] = 0;
    return (size_t)size;
}

/* Whether a group's path is that of ours or lies below it. Ids are never used again, so the answer holds for good; -1: there is
 * none now. */
static int look_up(const struct eu_members *m, uint64_t id) {
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + sizeof(id)];
    } of = {.handle = {.handle_bytes = sizeof(id), .handle_type = KERNFS_HANDLE}};
    char path[PATH_MAX];
    memcpy(of.handle.f_handle, &id, sizeof(id));
    int fd = open_by_handle_at(m->folder, &of.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) /* ESTALE: it is gone */
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EINTR ? -1 : 0;
    size_t size = path_of(fd, path, sizeof(path));
    close(fd);
    if (size < m->path_size || memcmp(path, m->path, m->path_size))
        return 0;
    return size == m->path_size || path[m->path_size] == '/' || (m->path_size == 1 && m->path[0] == '/');
}

int eu_members_group(struct eu_members *m, int folder_fd) {
    struct stat about;
    int fd = fstat(folder_fd, &about) ? -1 : fcntl(folder_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return eu_fail(errno, "open control group: %s", eu_strerror(errno));
    if (m->folder >= 0)
        close(m->folder);
    m->folder = fd;
    m->path_size = path_of(fd, m->path, sizeof(m->path));
    if (!m->path_size)
        return eu_fail(ENAMETOOLONG, "open control group: its path is not known");
    if (!look_up(m, about.st_ino))
        return eu_fail(errno ? errno : ENOENT, "look up control groups by id: %s%s", eu_strerror(errno ? errno : ENOENT),
                       errno == EPERM ? " (needs CAP_DAC_READ_SEARCH) [run with sudo]" : "");
    return 0;
}

static struct group *slot(struct group *groups, size_t room, uint64_t id) {
    size_t at = id * 0x9e3779b97f4a7c15u >> 32;
    while (groups[at & (room - 1)].id && groups[at & (room - 1)].id != id)
        at++;
    return &groups[at & (room - 1)];
}

static int grow(struct eu_members *m) {
    size_t room = m->room ? 2 * m->room : 64;
    int forget = room > GROUPS_LIMIT; /* what is asked for again is looked up again */
    struct group *larger = calloc(forget ? m->room : room, sizeof(*larger));
    if (!larger)
        return -ENOMEM;
    for (size_t i = 0; i < m->room && !forget; i++)
        if (m->groups[i].id)
            *slot(larger, room, m->groups[i].id) = m->groups[i];
    free(m->groups);
    m->groups = larger;
    m->nr_groups = forget ? 0 : m->nr_groups;
    m->room = forget ? m->room : room;
    return 0;
}

int eu_members_has_group(struct eu_members *m, uint64_t id) {
    if (m->folder < 0 || !id)
        return 0;
    if (2 * m->nr_groups >= m->room && grow(m))
        return look_up(m, id) > 0;
    struct group *found = slot(m->groups, m->room, id);
    if (!found->id) {
        int is_member = look_up(m, id);
        if (is_member < 0)
            return 0;
        *found = (struct group){.id = id, .is_member = is_member};
        m->nr_groups++;
    }
    return found->is_member;
}

static int read_task(struct task *task, uint32_t pid) {
    char path[32], text[2048];
    snprintf(path, sizeof(path), "/proc/%u/status", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (size <= 0)
        return 0;
    text[size] = 0;
    const char *uid = strstr(text, "\nUid:");
    if (!uid || sscanf(text, "Name:\t%63[^\n]", task->comm) != 1)
        return 0;
    task->uid = (uint32_t)strtoul(uid + 5, NULL, 10);
    task->pid = pid;
    return 1;
}

/* What /proc says of a task; of one that is gone, what it said last. NULL: nothing. */
static const struct task *task_of(struct eu_members *m, uint64_t pid) {
    struct timespec now;
    struct task fresh = {0};
    if (!m->tasks && !(m->tasks = calloc(TASKS, sizeof(*m->tasks))))
        return NULL;
    if (!pid || pid > UINT32_MAX)
        return NULL;
    struct task *task = &m->tasks[pid % TASKS];
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (task->pid == pid && ms - task->read_ms < FRESH_MS)
        return task;
    if (read_task(&fresh, (uint32_t)pid))
        *task = fresh;
    else if (task->pid != pid)
        return NULL;
    task->read_ms = ms;
    return task;
}

int eu_members_uid_is(struct eu_members *m, uint64_t pid, uint64_t uid) {
    const struct task *task = task_of(m, pid);
    return task && task->uid == uid;
}

int eu_members_comm_matches(struct eu_members *m, uint64_t pid, const uint8_t *pattern, size_t size) {
    const struct task *task = task_of(m, pid);
    return task && eu_glob(pattern, size, (const uint8_t *)task->comm, strlen(task->comm));
}

int eu_cgroup_mount(void) {
    int context = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC_FLAG), fd = -1;
    if (context >= 0 && !syscall(SYS_fsconfig, context, FSCONFIG_CREATE, NULL, NULL, 0))
        fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC_FLAG, 0);
    int err = errno;
    if (context >= 0)
        close(context);
    return fd >= 0 ? fd : eu_fail(err, "open control groups: %s", eu_strerror(err));
}
