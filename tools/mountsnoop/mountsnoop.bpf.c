// SPDX-License-Identifier: MIT
#include "../include/eunomia/kernel.h"

/// @cmdarg {"long": "pid", "short": "p", "help": "trace this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;

#define TEXT_LEN 256

enum call {
    mount,
    umount,
    fsopen,
    fsmount,
    move_mount,
};

struct mount_event {
    enum call call;
    char comm[TASK_COMM_LEN];
    __u32 pid;
    __u32 tid;
    __u32 mnt_ns;
    int ret;
    __u64 flags;
    char fstype[32];
    char source[TEXT_LEN];
    char target[TEXT_LEN];
    char data[TEXT_LEN];
};

struct umount_event {
    enum call call;
    char comm[TASK_COMM_LEN];
    __u32 pid;
    __u32 tid;
    __u32 mnt_ns;
    int ret;
    __u64 flags;
    char target[TEXT_LEN];
};

struct attempt {
    enum call call;
    unsigned long args[5];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, __u32);
    __type(value, struct attempt);
} attempts SEC(".maps");

/// @event_type {"field": "call", "types": {
///     "0": "mount_event", "1": "umount_event", "2": "mount_event", "3": "mount_event", "4": "mount_event"}}
/// @decode {"ret": "errno", "flags": "hex"}
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* No more than nr_args of the context may be read: the kernel refuses to attach a program that reads past the record. */
static __always_inline int entered(enum call call, const struct syscall_enter *ctx, int nr_args) {
    __u64 id = bpf_get_current_pid_tgid();
    __u32 tid = id;
    struct attempt attempt = {.call = call};

    if (target_pid && target_pid != id >> 32)
        return 0;
    for (int i = 0; i < nr_args; i++)
        attempt.args[i] = ctx->args[i];
    bpf_map_update_elem(&attempts, &tid, &attempt, BPF_ANY);
    return 0;
}

#define FILL(event, call_, result)                                                                                                         \
    ({                                                                                                                                     \
        __u64 id_ = bpf_get_current_pid_tgid();                                                                                            \
        (event)->call = call_;                                                                                                             \
        bpf_get_current_comm((event)->comm, sizeof((event)->comm));                                                                        \
        (event)->pid = id_ >> 32;                                                                                                          \
        (event)->tid = id_;                                                                                                                \
        (event)->mnt_ns = current_mount_namespace();                                                                                       \
        (event)->ret = result;                                                                                                             \
    })

/* "" where the caller passed NULL or what cannot be read. */
#define TEXT(to, from)                                                                                                                     \
    ({                                                                                                                                     \
        if (bpf_probe_read_user_str(to, sizeof(to), (const void *)(from)) < 0)                                                             \
            (to)[0] = 0;                                                                                                                   \
    })

static __always_inline void report_umount(const struct attempt *attempt, long ret) {
    struct umount_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

    if (!event)
        return;
    FILL(event, umount, ret);
    event->flags = attempt->args[1];
    TEXT(event->target, attempt->args[0]);
    bpf_ringbuf_submit(event, 0);
}

static __always_inline void report_mount(const struct attempt *attempt, long ret) {
    const unsigned long *args = attempt->args;
    struct mount_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

    if (!event)
        return;
    FILL(event, attempt->call, ret);
    event->flags = 0;
    event->fstype[0] = event->source[0] = event->target[0] = event->data[0] = 0;
    switch (attempt->call) {
    case mount:
        TEXT(event->source, args[0]);
        TEXT(event->target, args[1]);
        TEXT(event->fstype, args[2]);
        event->flags = args[3];
        TEXT(event->data, args[4]);
        break;
    case fsopen:
        TEXT(event->fstype, args[0]);
        event->flags = args[1];
        break;
    case fsmount:
        event->flags = args[1];
        break;
    default: /* move_mount(from_fd, from, to_fd, to, flags) */
        TEXT(event->source, args[1]);
        TEXT(event->target, args[3]);
        event->flags = args[4];
    }
    bpf_ringbuf_submit(event, 0);
}

static __always_inline int left(long ret) {
    __u32 tid = bpf_get_current_pid_tgid();
    struct attempt *attempt = bpf_map_lookup_elem(&attempts, &tid);

    if (!attempt)
        return 0;
    if (attempt->call == umount)
        report_umount(attempt, ret);
    else
        report_mount(attempt, ret);
    bpf_map_delete_elem(&attempts, &tid);
    return 0;
}

#define SYSCALL(name, nr_args)                                                                                                             \
    SEC("tp/syscalls/sys_enter_" #name) int enter_##name(struct syscall_enter *ctx) {                                                      \
        return entered(name, ctx, nr_args);                                                                                                \
    }                                                                                                                                      \
    SEC("tp/syscalls/sys_exit_" #name) int exit_##name(struct syscall_exit *ctx) {                                                         \
        return left(ctx->ret);                                                                                                             \
    }

SYSCALL(mount, 5);
SYSCALL(umount, 2);
/* What mount(8) calls since util-linux 2.39; these calls exist since 5.2. */
SYSCALL(fsopen, 2);
SYSCALL(fsmount, 3);
SYSCALL(move_mount, 5);

/// @brief Trace mounts and unmounts, with their arguments and results
/// @details The calls of the new interface too: fsopen(2), fsmount(2), move_mount(2). RET is an error's name, or what the call returned.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
