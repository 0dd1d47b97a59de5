/* perf:EVENT and iter: targets. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "near.h"
#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Source: include/uapi/linux/perf_event.h, enum perf_sw_ids, perf_hw_id. */
static const char *const software[] = {"cpu_clock",        "task_clock",      "page_faults",     "context_switches",
                                       "cpu_migrations",   "page_faults_min", "page_faults_maj", "alignment_faults",
                                       "emulation_faults", "dummy",           "bpf_output",      "cgroup_switches"};
static const char *const hardware[] = {
    "cpu_cycles",    "instructions", "cache_references",        "cache_misses",           "branch_instructions",
    "branch_misses", "bus_cycles",   "stalled_cycles_frontend", "stalled_cycles_backend", "ref_cpu_cycles"};

/* perf(1) writes them with hyphens. */
static int same_event(const char *given, const char *name) {
    while (*given && (*given == *name || (*given == '-' && *name == '_')))
        given++, name++;
    return !*given && !*name;
}

static int find_event(const char *name, const char *const *names, int nr, struct eu_near *near) {
    for (int i = 0; i < nr; i++) {
        if (same_event(name, names[i]))
            return i;
        eu_near_offer(near, names[i]);
    }
    return -1;
}

int eu_perf_target(const struct eu_target *target, struct eu_attach_options *options) {
    long long frequency = 0, period = 0, pid = options->pid, cpu = options->cpu;
    struct eu_near near;
    char hint[160];
    eu_near_start(&near, target->name);
    int found = find_event(target->name, software, sizeof(software) / sizeof(*software), &near);
    options->perf_type = PERF_TYPE_SOFTWARE;
    if (found < 0) {
        options->perf_type = PERF_TYPE_HARDWARE;
        found = find_event(target->name, hardware, sizeof(hardware) / sizeof(*hardware), &near);
    }
    if (found < 0)
        return eu_fail(EINVAL, "target %.200s: unknown event%s", target->whole, eu_near_hint(&near, hint, sizeof(hint)));
    options->perf_config = found;
    int by_frequency = eu_target_number(target, "freq", 1, INT32_MAX, &frequency);
    int by_period = by_frequency < 0 ? -1 : eu_target_number(target, "period", 1, INT64_MAX, &period);
    if (by_period < 0 || eu_target_number(target, "pid", 1, INT32_MAX, &pid) < 0 || eu_target_number(target, "cpu", 0, INT32_MAX, &cpu) < 0)
        return -EINVAL;
    if (by_frequency && by_period)
        return eu_fail(EINVAL, "target %.200s: freq and period exclude each other", target->whole);
    if (by_frequency || by_period) {
        options->perf_sample = by_frequency ? frequency : period;
        options->perf_frequency = by_frequency;
    }
    options->pid = pid;
    options->cpu = cpu;
    return 0;
}

/* What an iterator walks, in the kernel's words; *fd is closed by the caller. */
static int iter_info(struct eu_object *object, int index, const struct eu_target *target, union bpf_iter_link_info *info, int *fd) {
    const struct bpf_program *prog = object->progs[index];
    const char *map = eu_target_option(target, "map"), *cgroup = eu_target_option(target, "cgroup");
    long long pid = 0, tid = 0;
    char why[200];
    if (eu_target_number(target, "pid", 1, INT32_MAX, &pid) < 0 || eu_target_number(target, "tid", 1, INT32_MAX, &tid) < 0)
        return -EINVAL;
    if (*target->name || target->nr_options > 1)
        return eu_attach_failed(prog, EINVAL, "one of map=NAME, cgroup=PATH, pid=N, tid=N says what it walks [iter:,map=NAME]");
    if ((pid || tid) && kill((pid_t)(pid ? pid : tid), 0) && errno == ESRCH) {
        snprintf(why, sizeof(why), "process %lld: no such process", pid ? pid : tid);
        return eu_attach_failed(prog, ESRCH, why);
    }
    if (map) {
        int found = eu_map_find(object, map);
        if (found < 0) {
            snprintf(why, sizeof(why), "map %.100s: the package has no map of this name", map);
            return eu_attach_failed(prog, ENOENT, why);
        }
        info->map.map_fd = bpf_map__fd(object->maps[found]);
    } else if (cgroup) {
        *fd = eu_cgroup_open(prog, cgroup);
        if (*fd < 0)
            return *fd;
        info->cgroup.cgroup_fd = *fd;
        info->cgroup.order = BPF_CGROUP_ITER_DESCENDANTS_PRE;
    } else if (tid)
        info->task.tid = tid;
    else
        info->task.pid = pid;
    return 0;
}

int eu_attach_iter(struct eu_object *object, int index, const struct eu_target *target) {
    const struct bpf_program *prog = object->progs[index];
    union bpf_iter_link_info info = {0};
    LIBBPF_OPTS(bpf_iter_attach_opts, options);
    char why[300];
    int fd = -1, err = target ? iter_info(object, index, target, &info, &fd) : 0;
    if (err)
        return err;
    if (target && target->nr_options) {
        options.link_info = &info;
        options.link_info_len = sizeof(info);
    }
    struct bpf_link *link = bpf_program__attach_iter(prog, &options);
    err = errno;
    if (fd >= 0)
        close(fd);
    if (link)
        return eu_attachment_add_link(object, index, link);
    if (err == EPERM || err == EACCES)
        return eu_attach_failed(prog, err, NULL);
    snprintf(why, sizeof(why), "%s [--attach %s=iter:,map=NAME, or cgroup=PATH, pid=N, tid=N]",
             err == EBADF || err == EINVAL ? "it needs to be told what it walks, or does not walk such a thing" : eu_reason(err),
             bpf_program__name(prog));
    return eu_attach_failed(prog, err, why);
}
