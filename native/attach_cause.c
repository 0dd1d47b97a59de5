/* Why a program did not attach: what is missing, and what was probably meant. */
#define _GNU_SOURCE
#include "attach.h"
#include "binaries.h"
#include "btf_raw.h"
#include "error.h"
#include "near.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
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

void eu_kprobe_cause(const char *section, const char *target, char *why, size_t room) {
    struct eu_near near;
    char hint[160];
    if (access("/sys/bus/event_source/devices/kprobe", F_OK) && access("/sys/kernel/tracing/kprobe_events", F_OK) &&
        access("/sys/kernel/debug/tracing/kprobe_events", F_OK)) {
        snprintf(why, room, "this kernel has no kprobes [it needs CONFIG_KPROBES; a tracepoint or tp_btf may do instead]");
        return;
    }
    eu_near_start(&near, target);
    if (!strstr(section, "syscall"))
        offer_kernel_functions(&near);
    snprintf(why, room, "kernel function %.200s: not in this kernel, or inlined, or not to be probed%s", target,
             eu_near_hint(&near, hint, sizeof(hint)));
}

static void usdt_cause(const char *target, char *why, size_t room) {
    char binary[512], path[1024];
    const char *colon = strchr(target, ':');
    snprintf(binary, sizeof(binary), "%.*s", colon ? (int)(colon - target) : (int)strlen(target), target);
    if (eu_find_binary(binary, path, sizeof(path)))
        snprintf(why, room, "binary %.200s: not found in PATH or among the libraries", binary);
    else
        snprintf(why, room, "%.200s has no USDT probe %.200s", path, colon ? colon + 1 : "");
}

const char *eu_attach_needs(const struct bpf_program *prog) {
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
    const char *target = slash ? slash + 1 : "";
    why[0] = 0;
    if (err == EOPNOTSUPP && starts(section, "k") && strstr(section, "probe.") && *target)
        snprintf(why, room, "this kernel attaches no %.*s programs [it needs CONFIG_FPROBE, 5.18 or newer]", (int)(slash - section),
                 section);
    else if (err == EOPNOTSUPP && (!*target || starts(section, "sk_") || starts(section, "cgroup") || starts(section, "lsm_cgroup")))
        snprintf(why, room, "this section alone does not say where to attach (a socket, cgroup, map or device)");
    else if (err == ENOENT && (starts(section, "raw_tp") || starts(section, "raw_tracepoint")))
        eu_raw_tracepoint_cause(target, why, room);
    else if (err == ENOENT &&
             (starts(section, "kprobe") || starts(section, "kretprobe") || starts(section, "ksyscall") || starts(section, "kretsyscall")))
        eu_kprobe_cause(section, target, why, room);
    else if ((err == ENOENT || err == ESRCH) && starts(section, "usdt"))
        usdt_cause(target, why, room);
    else if (err == ENOENT && starts(section, "u"))
        snprintf(why, room, "%.200s: no such binary, or no symbol in it matches", target);
}
