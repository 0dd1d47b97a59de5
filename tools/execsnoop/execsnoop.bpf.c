// SPDX-License-Identifier: MIT
#include "../include/eunomia/kernel.h"
#include "../include/eunomia/match.h"

/// @cmdarg {"long": "fails", "short": "x", "help": "include failed exec()s"}
const volatile bool include_failed = false;
/// @cmdarg {"default": -1, "long": "uid", "short": "u", "help": "trace this user ID only (-1: all)"}
/// @filter uid
const volatile int target_uid = -1;
/// @cmdarg {"long": "ppid", "short": "P", "help": "trace children of this process ID only"}
/// @filter ppid
const volatile pid_t target_ppid = 0;
/// @cmdarg {"long": "name", "short": "n", "help": "only commands whose name contains this text"}
const volatile char name[TASK_COMM_LEN] = "";
/// @cmdarg {"long": "line", "short": "l", "help": "only commands whose arguments contain this text (in their first 256 bytes)"}
const volatile char line[NEEDLE_LEN] = "";
/// @cmdarg {"default": 20, "long": "max-args", "help": "maximum number of arguments that are shown"}
/// @range {"min": 1, "max": 60}
const volatile int max_args = 20;

#define ARGS_LEN 4096
#define ARG_LEN 1024
#define ARGS_MAX 60

struct event {
    char comm[TASK_COMM_LEN];
    __u32 pid;
    __u32 ppid;
    __u32 uid;
    int ret;
    char args[]; /* only the bytes it has are sent */
};

/* One for each CPU; the room behind the arguments lets the verifier see that a whole one always fits. */
struct whole_event {
    char bytes[sizeof(struct event) + ARGS_LEN + ARG_LEN];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct whole_event);
} scratch SEC(".maps");

/* Arguments of calls that may fail (-x): their pointers, kept from the call's start to its end. */
struct attempt {
    const char *path;
    const char *const *args;
};
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, __u32);
    __type(value, struct attempt);
} attempts SEC(".maps");

/// @decode {"ret": "errno"}
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} events SEC(".maps");

static struct needle wanted_name, wanted_line;

static __always_inline struct event *begin(long ret) {
    const struct task_struct *task = (const struct task_struct *)bpf_get_current_task();
    struct event *event;
    __u32 zero = 0;

    if (target_uid >= 0 && target_uid != (__u32)bpf_get_current_uid_gid())
        return NULL;
    event = bpf_map_lookup_elem(&scratch, &zero);
    if (!event)
        return NULL;
    event->ppid = BPF_CORE_READ(task, real_parent, tgid);
    if (target_ppid && target_ppid != event->ppid)
        return NULL;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    if (name[0]) {
        needle_prepare(&wanted_name, name, sizeof(name));
        if (!needle_found(&wanted_name, event->comm, sizeof(event->comm)))
            return NULL;
    }
    event->pid = bpf_get_current_pid_tgid() >> 32;
    event->uid = bpf_get_current_uid_gid();
    event->ret = ret;
    return event;
}

/* Add one argument behind the used bytes; what separates it from the one before is written over that one's NUL. */
static __always_inline __u64 add(struct event *event, __u64 used, const char *from) {
    __u64 last = used - 1;
    long len;

    barrier_var(used); /* the verifier is to see the comparison of the register that is used below */
    if (used >= ARGS_LEN)
        return used;
    len = bpf_probe_read_user_str(event->args + used, ARG_LEN, from);
    if (len < 1)
        return used;
    barrier_var(last);
    if (last < ARGS_LEN)
        event->args[last] = ' ';
    return used + len;
}

static __always_inline void finish(struct event *event, __u64 used) {
    if (!used) {
        event->args[0] = 0;
        used = 1;
    }
    if (line[0]) {
        needle_prepare(&wanted_line, line, sizeof(line));
        if (!needle_found(&wanted_line, event->args, 256))
            return;
    }
    barrier_var(used);
    if (used <= ARGS_LEN + ARG_LEN)
        bpf_ringbuf_output(&events, event, sizeof(*event) + used, 0);
}

/* A successful exec: the new program's arguments lie one after the other in memory that the kernel has just written. */
SEC("tp/sched/sched_process_exec")
int process_exec(void *ctx) {
    const struct task_struct *task = (const struct task_struct *)bpf_get_current_task();
    struct event *event = begin(0);
    const char *from, *end;
    __u64 used = 0;

    if (!event)
        return 0;
    from = (const char *)BPF_CORE_READ(task, mm, arg_start);
    end = (const char *)BPF_CORE_READ(task, mm, arg_end);
#pragma clang loop unroll(disable)
    for (int i = 0; i < ARGS_MAX; i++) {
        __u64 before = used;

        if (i >= max_args || from >= end)
            break;
        used = add(event, used, from);
        if (used == before)
            break;
        from += used - before;
    }
    finish(event, used);
    return 0;
}

static __always_inline int entered(const char *path, const char *const *args) {
    struct attempt attempt = {.path = path, .args = args};
    __u32 tid = bpf_get_current_pid_tgid();

    if (include_failed)
        bpf_map_update_elem(&attempts, &tid, &attempt, BPF_ANY);
    return 0;
}

static __always_inline int left(long ret) {
    __u32 tid = bpf_get_current_pid_tgid();
    __u64 used = 0;
    struct attempt *attempt;
    struct event *event;

    if (!include_failed)
        return 0;
    attempt = bpf_map_lookup_elem(&attempts, &tid);
    if (!attempt)
        return 0;
    event = ret < 0 ? begin(ret) : NULL;
    if (event) {
        used = add(event, used, attempt->path);
#pragma clang loop unroll(disable)
        for (int i = 1; i < ARGS_MAX; i++) {
            const char *arg = NULL;

            if (i >= max_args)
                break;
            bpf_probe_read_user(&arg, sizeof(arg), attempt->args + i);
            if (!arg)
                break;
            used = add(event, used, arg);
        }
        finish(event, used);
    }
    bpf_map_delete_elem(&attempts, &tid);
    return 0;
}

/// @optional true
SEC("tp/syscalls/sys_enter_execve")
int enter_execve(struct syscall_enter *ctx) {
    return entered((const char *)ctx->args[0], (const char *const *)ctx->args[1]);
}

/// @optional true
SEC("tp/syscalls/sys_exit_execve")
int exit_execve(struct syscall_exit *ctx) {
    return left(ctx->ret);
}

/// @optional true
SEC("tp/syscalls/sys_enter_execveat")
int enter_execveat(struct syscall_enter *ctx) {
    return entered((const char *)ctx->args[1], (const char *const *)ctx->args[2]);
}

/// @optional true
SEC("tp/syscalls/sys_exit_execveat")
int exit_execveat(struct syscall_exit *ctx) {
    return left(ctx->ret);
}

/// @brief Trace new processes: each exec(), with its arguments
/// @details RET is 0, or with -x the error of an exec() that failed.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
