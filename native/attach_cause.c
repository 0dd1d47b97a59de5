/* Why a program did not attach: what is missing, and what was probably meant. */
#define _GNU_SOURCE
#include "attach.h"
#include "binaries.h"
#include "btf_raw.h"
#include "error.h"
#include "near.h"
#include "syscalls.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int starts(const char *text, const char *prefix) {
    return !strncmp(text, prefix, strlen(prefix));
}

static void offer_kernel_functions(struct eu_near *near) {
    FILE *file = fopen("/proc/kallsyms", "re");
    char line[512], name[400], kind;
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "%*s %c %399s", &kind, name) == 2 && (kind == 't' || kind == 'T'))
            eu_near_offer(near, name);
    if (file)
        fclose(file);
}

/* Every tracepoint has a typedef in the kernel's BTF. */
static void offer_tracepoints(struct eu_near *near) {
    static const char prefix[] = "btf_trace_";
    struct eu_btf_view view;
    const struct btf_type *type;
    int64_t tail;
    if (eu_btf_file(NULL, &view))
        return;
    for (const char *at = view.types; (type = eu_btf_at(&view, at, &tail)); at += sizeof(*type) + tail) {
        const char *name = eu_btf_name(&view, type->name_off);
        if (BTF_INFO_KIND(type->info) == BTF_KIND_TYPEDEF && starts(name, prefix))
            eu_near_offer(near, name + sizeof(prefix) - 1);
    }
}

void eu_raw_tracepoint_cause(const char *name, char *why, size_t room) {
    struct eu_near near;
    char hint[160];
    eu_near_start(&near, name);
    offer_tracepoints(&near);
    snprintf(why, room, "raw tracepoint %.200s: not in this kernel%s", name, eu_near_hint(&near, hint, sizeof(hint)));
}

/* arm64 and riscv have no unlink(2), only unlinkat(2). */
static const char *syscall_hint(const char *name, char *hint, size_t room) {
    char successor[128];
    struct eu_near near;
    snprintf(successor, sizeof(successor), "%.100sat", name);
    eu_near_start(&near, name);
    for (uint64_t number = 0; number < 1024; number++) {
        const char *known = eu_syscall_name(number);
        if (!known)
            continue;
        if (!strcmp(known, successor)) {
            snprintf(hint, room, " [%s is here]", successor);
            return hint;
        }
        eu_near_offer(&near, known);
    }
    return eu_near_hint(&near, hint, room);
}

int eu_has_kprobes(void) {
    return !access("/sys/bus/event_source/devices/kprobe", F_OK) || !access("/sys/kernel/tracing/kprobe_events", F_OK) ||
           !access("/sys/kernel/debug/tracing/kprobe_events", F_OK);
}

void eu_kprobe_cause(const char *section, int err, const char *target, char *why, size_t room) {
    struct eu_near near;
    char hint[160];
    why[0] = 0;
    if (!eu_has_kprobes())
        snprintf(why, room, "this kernel has no kprobes [it needs CONFIG_KPROBES; a tracepoint or tp_btf may do instead]");
    else if (err == EADDRNOTAVAIL)
        snprintf(why, room, "kernel function %.200s: there are several of this name [FUNCTION+OFFSET of another, or fentry]", target);
    else if (err == EINVAL && !strstr(section, "syscall"))
        snprintf(why, room,
                 "kernel function %.200s: not to be probed there (its code is off limits to kprobes, or no instruction begins there)",
                 target);
    else if (err != ENOENT)
        return;
    else if (strstr(section, "syscall"))
        snprintf(why, room, "system call %.200s: not on this architecture, or not in this kernel%s", target,
                 syscall_hint(target, hint, sizeof(hint)));
    else {
        eu_near_start(&near, target);
        offer_kernel_functions(&near);
        snprintf(why, room, "kernel function %.200s: not in this kernel, or inlined, or not to be probed%s", target,
                 eu_near_hint(&near, hint, sizeof(hint)));
    }
}

int eu_find_for(const struct bpf_program *prog, const char *name, int pid, char *path, size_t room) {
    char why[400];
    struct stat found;
    int err = -eu_find_binary_of(name, pid, path, room);
    if (!err && !stat(path, &found) && (!S_ISREG(found.st_mode) || !found.st_size)) { /* a pipe, or trace_pipe: reading waits */
        snprintf(why, sizeof(why), "binary %.200s: %s", name, S_ISREG(found.st_mode) ? "empty" : "no regular file");
        return eu_attach_failed(prog, EINVAL, why);
    }
    if (!err)
        return 0;
    if (err == ESRCH)
        snprintf(why, sizeof(why), "process %d: no such process", pid);
    else
        snprintf(why, sizeof(why), "binary %.200s: %s", name,
                 err == ENOENT && !strchr(name, '/') ? "not found in PATH or among the libraries" : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

const char *eu_attach_needs(const struct bpf_program *prog) {
    if (!(eu_capabilities() & (1ull << 39 | 1ull << 21)) && eu_bpf_is_guarded()) /* neither CAP_BPF nor CAP_SYS_ADMIN */
        return "CAP_BPF";
    switch (bpf_program__type(prog)) {
    case BPF_PROG_TYPE_KPROBE:
        if (starts(bpf_program__section_name(prog), "u"))
            return "CAP_SYS_ADMIN, before Linux 6.16 CAP_PERFMON";
        return "CAP_PERFMON, or CAP_SYS_ADMIN where kernel.perf_event_paranoid is above 2";
    case BPF_PROG_TYPE_TRACEPOINT:
    case BPF_PROG_TYPE_PERF_EVENT:
        return "CAP_PERFMON, or CAP_SYS_ADMIN where kernel.perf_event_paranoid is above 2";
    case BPF_PROG_TYPE_SOCKET_FILTER:
        return "CAP_NET_RAW";
    case BPF_PROG_TYPE_RAW_TRACEPOINT:
    case BPF_PROG_TYPE_TRACING:
    case BPF_PROG_TYPE_LSM:
    case BPF_PROG_TYPE_STRUCT_OPS:
        return "CAP_BPF and CAP_PERFMON";
    default:
        return "CAP_NET_ADMIN";
    }
}

void eu_attach_cause(const struct bpf_program *prog, int err, char *why, size_t room) {
    const char *section = bpf_program__section_name(prog), *slash = strchr(section, '/');
    why[0] = 0;
    if (err == EOPNOTSUPP && (!slash || starts(section, "sk_") || starts(section, "cgroup") || starts(section, "lsm_cgroup")))
        snprintf(why, room, "this section alone does not say where to attach (a socket, cgroup, map or device)");
    else if (err == EU_ENOTSUPP)
        snprintf(
            why, room,
            "error 524: this kernel does not let programs into its functions on this architecture (it has no direct calls of ftrace)%s",
            starts(section, "fentry") || starts(section, "fexit") ? " [a kprobe program does the same]" : "");
}
