/* What a run needs when everything is attached, and giving up the rest.
 * docs/reference/privileges.md; docs/decisions/018-privileges-go-after-attach.md. */
#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include "object.h"
#include "quiesce.h"
#include "run_parts.h"
#include "symbols.h"
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than some headers. Source: include/uapi/linux/capability.h */
enum { PERFMON = 38, BPF = 39, CHECKPOINT_RESTORE = 40 };

struct sets {
    uint64_t effective, permitted, inheritable;
};

static int get(struct sets *sets) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data))
        return -errno;
    sets->effective = data[0].effective | (uint64_t)data[1].effective << 32;
    sets->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    sets->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

static int set(const struct sets *sets) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)sets->effective, (uint32_t)sets->permitted, (uint32_t)sets->inheritable},
        {(uint32_t)(sets->effective >> 32), (uint32_t)(sets->permitted >> 32), (uint32_t)(sets->inheritable >> 32)},
    };
    return syscall(SYS_capset, &header, data) ? -errno : 0;
}

uint64_t eu_capabilities(void) {
    struct sets mine;
    return get(&mine) ? 0 : mine.effective;
}

static uint64_t bit(int capability) {
    return 1ull << capability;
}

/* Names of functions: /proc/PID/maps of others' processes, their files below /proc/PID/root and in map_files. */
static uint64_t for_symbols(const struct eu_run *run) {
    for (int i = 0; i < run->nr_sources; i++)
        if (run->plan->sources[i].style == EU_STACKS)
            return bit(CAP_SYS_PTRACE) | bit(CAP_DAC_READ_SEARCH) | bit(CHECKPOINT_RESTORE);
    return 0;
}

/* Control groups are opened by their ids, which are file handles. */
static uint64_t for_decoders(const struct eu_run *run) {
    for (uint32_t i = 0; i < run->plan->header.nr_members; i++) {
        int decoder = run->plan->members[i].decoder;
        if (decoder == EU_CGROUP || decoder == EU_CONTAINER)
            return bit(CAP_DAC_READ_SEARCH);
    }
    return run->options.members ? bit(CAP_DAC_READ_SEARCH) | bit(CAP_SYS_PTRACE) : 0; /* the latter where /proc hides processes */
}

/* A file that rotates is renamed and made anew: as another user's folder may not let even uid 0 do. */
static uint64_t for_output(const struct eu_run *run) {
    const char *path = run->options.path, *slash = path ? strrchr(path, '/') : NULL;
    char folder[PATH_MAX] = ".";
    struct stat status;
    if (!path || !(run->options.rotate_size || run->options.rotate_after > 0))
        return 0;
    if (slash)
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
    if (!stat(folder, &status) && status.st_uid == geteuid() && (status.st_mode & S_IRWXU) == S_IRWXU)
        return 0;
    return bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER);
}

/* What no descriptor holds is detached by netlink and the like. */
static uint64_t for_detaching(const struct eu_object *object) {
    for (const struct eu_attachment *at = object->attachments; at; at = at->next)
        if (at->undo) /* where a guardian does it, too: it may be killed before this process ends */
            return bit(CAP_NET_ADMIN);
    return 0;
}

/* Kernels before 5.19 refuse all of bpf(2) to processes without CAP_BPF where kernel.unprivileged_bpf_disabled is set, newer ones
 * only what makes things: EBADF, for the descriptor is looked at. Source: c8644cd0efe7 */
static int reads_maps(void) {
    uint64_t nothing[16] = {(uint32_t)-1};
    return !syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, nothing, sizeof(nothing)) || errno == EBADF;
}

int eu_bpf_is_guarded(void) {
    struct sets mine;
    if (get(&mine))
        return 0;
    struct sets none = {0, mine.permitted, mine.inheritable};
    int guarded = !set(&none) && !reads_maps();
    set(&mine);
    return guarded;
}

static uint64_t for_maps(const struct sets *mine, uint64_t others) {
    struct sets without = {mine->permitted & others, mine->permitted, mine->inheritable};
    int can = !set(&without) && reads_maps();
    set(mine);
    return can ? 0 : mine->permitted & bit(BPF) ? bit(BPF) : bit(CAP_SYS_ADMIN);
}

/* Who opens the file decides what it shows, whoever reads it. */
static void open_kernel_names(const struct eu_run *run) {
    int shows = for_symbols(run) != 0;
    for (uint32_t i = 0; i < run->plan->header.nr_members && !shows; i++)
        shows = run->plan->members[i].decoder == EU_KSYM || run->plan->members[i].decoder == EU_KSTACK;
    if (shows)
        eu_kernel_names_open();
}

/* The bounding set stays: no_new_privs keeps it from having effect, and to empty it takes a system call for each, 0.1 ms in all.
 * Source: cap_bprm_creds_from_file(), security/commoncap.c */
int eu_run_drop(struct eu_run *run, struct eu_object *object) {
    struct sets mine;
    int err = get(&mine);
    if (err)
        return eu_fail(-err, "drop privileges: %s", eu_strerror(-err));
    open_kernel_names(run);
    eu_programs_prepare();
    uint64_t keep = for_symbols(run) | for_decoders(run) | for_output(run) | for_detaching(object);
    keep |= for_maps(&mine, keep);
    keep &= mine.permitted;
    struct sets left = {keep, keep, 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || (err = set(&left)))
        return eu_fail(errno, "drop privileges: %s", eu_strerror(errno));
    return 0;
}

/* A disabled event, made and closed: what perf_event_open(2) says to a process with CAP_PERFMON alone.
 * Source: perf_uprobe_event_init(), perf_event_open(), kernel/events/core.c */
static int perf_errno(int type, uint64_t config, const char *path) {
    struct perf_event_attr attr = {.type = (uint32_t)type, .size = sizeof(attr), .config = config, .disabled = 1};
    attr.config1 = (uint64_t)(uintptr_t)path;
    int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

int eu_perf_capability(int uprobe) {
    struct sets mine;
    char text[16] = "";
    int type = PERF_TYPE_SOFTWARE;
    FILE *file = uprobe ? fopen("/sys/bus/event_source/devices/uprobe/type", "re") : NULL;
    if (uprobe)
        type = file && fgets(text, sizeof(text), file) ? atoi(text) : -1;
    if (file)
        fclose(file);
    if (type < 0 || get(&mine) || !(mine.permitted & bit(PERFMON)))
        return -1;
    struct sets alone = {bit(PERFMON), mine.permitted, mine.inheritable};
    if (set(&alone))
        return -1;
    int err = perf_errno(type, uprobe ? 0 : PERF_COUNT_SW_DUMMY, uprobe ? "/proc/self/exe" : NULL);
    set(&mine);
    return err == EACCES || err == EPERM ? CAP_SYS_ADMIN : PERFMON;
}
