// SPDX-License-Identifier: MIT
#include "../include/eunomia/kernel.h"
#include "../include/eunomia/match.h"

/// Trace this process only
/// @cmdarg {"long": "pid", "short": "p", "help": "trace this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;
/// @cmdarg {"long": "tid", "short": "t", "help": "trace this thread ID only"}
/// @filter tid
const volatile pid_t target_tid = 0;
/// @cmdarg {"default": -1, "long": "uid", "short": "u", "help": "trace this user ID only (-1: all)"}
/// @filter uid
const volatile int target_uid = -1;
/// @cmdarg {"long": "failed", "short": "x", "help": "only show failed opens"}
const volatile bool failed_only = false;
/// @cmdarg {"long": "name", "short": "n", "help": "only processes whose name contains this text"}
const volatile char name[TASK_COMM_LEN] = "";
/// @cmdarg {"long": "flag-filter", "short": "f", "help": "only opens that have one of these flags (e.g. 0x40 is O_CREAT)"}
const volatile int flag_filter = 0;

#define PATH_LEN 4096

struct event {
    __u32 pid;
    __u32 uid;
    char comm[TASK_COMM_LEN];
    int fd;
    __u32 err;
    __u32 flags;
    char path[]; /* only the bytes it has are sent */
};

struct attempt {
    const char *path;
    __u32 flags;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __type(key, __u32);
    __type(value, struct attempt);
} attempts SEC(".maps");

struct whole_event {
    char bytes[sizeof(struct event) + PATH_LEN];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct whole_event);
} scratch SEC(".maps");

/// @decode {"err": "errno", "flags": "mode"}
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} events SEC(".maps");

static struct needle wanted_name;

static __always_inline int entered(const char *path, __u32 flags) {
    __u64 id = bpf_get_current_pid_tgid();
    __u32 tid = id;
    struct attempt attempt = {.path = path, .flags = flags};

    if (target_pid && target_pid != id >> 32)
        return 0;
    if (target_tid && target_tid != tid)
        return 0;
    if (target_uid >= 0 && target_uid != (__u32)bpf_get_current_uid_gid())
        return 0;
    if (flag_filter && !(flags & flag_filter))
        return 0;
    bpf_map_update_elem(&attempts, &tid, &attempt, BPF_ANY);
    return 0;
}

static __always_inline int left(long ret) {
    __u64 id = bpf_get_current_pid_tgid();
    __u32 tid = id, zero = 0;
    struct attempt *attempt = bpf_map_lookup_elem(&attempts, &tid);
    struct whole_event *whole;
    struct event *event;
    long len;

    if (!attempt)
        return 0;
    if (failed_only && ret >= 0)
        goto done;
    whole = bpf_map_lookup_elem(&scratch, &zero);
    if (!whole)
        goto done;
    event = (struct event *)whole;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    if (name[0]) {
        needle_prepare(&wanted_name, name, sizeof(name));
        if (!needle_found(&wanted_name, event->comm, sizeof(event->comm)))
            goto done;
    }
    event->pid = id >> 32;
    event->uid = bpf_get_current_uid_gid();
    event->fd = ret < 0 ? -1 : ret;
    event->err = ret < 0 ? -ret : 0;
    event->flags = attempt->flags;
    /* Read when the call returns: at its start the page with the path may not be there yet. */
    len = bpf_probe_read_user_str(event->path, PATH_LEN, attempt->path);
    if (len < 1) {
        event->path[0] = 0;
        len = 1;
    }
    bpf_ringbuf_output(&events, event, sizeof(*event) + (len & (2 * PATH_LEN - 1)), 0);
done:
    bpf_map_delete_elem(&attempts, &tid);
    return 0;
}

/// arm64 has no open(2)
/// @optional true
SEC("tp/syscalls/sys_enter_open")
int enter_open(struct syscall_enter *ctx) {
    return entered((const char *)ctx->args[0], ctx->args[1]);
}

/// @optional true
SEC("tp/syscalls/sys_exit_open")
int exit_open(struct syscall_exit *ctx) {
    return left(ctx->ret);
}

SEC("tp/syscalls/sys_enter_openat")
int enter_openat(struct syscall_enter *ctx) {
    return entered((const char *)ctx->args[1], ctx->args[2]);
}

SEC("tp/syscalls/sys_exit_openat")
int exit_openat(struct syscall_exit *ctx) {
    return left(ctx->ret);
}

/// @optional true
SEC("tp/syscalls/sys_enter_openat2")
int enter_openat2(struct syscall_enter *ctx) {
    __u64 flags = 0; /* first member of struct open_how */

    bpf_probe_read_user(&flags, sizeof(flags), (const void *)ctx->args[2]);
    return entered((const char *)ctx->args[1], flags);
}

/// @optional true
SEC("tp/syscalls/sys_exit_openat2")
int exit_openat2(struct syscall_exit *ctx) {
    return left(ctx->ret);
}

/// @brief Trace files as they are opened: who, which, and with what result
/// @details open(2), openat(2) and openat2(2), successful or not. FLAGS are those of open(2), in octal.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
