// SPDX-License-Identifier: MIT
#include "../include/eunomia/kernel.h"

/// @cmdarg {"long": "pid", "short": "p", "help": "count this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;
/// @cmdarg {"long": "tid", "short": "t", "help": "count this thread ID only"}
/// @filter tid
const volatile pid_t target_tid = 0;
/// @cmdarg {"long": "failures", "short": "x", "help": "only system calls that fail"}
const volatile bool failures = false;
/// @cmdarg {"long": "errno", "short": "e", "help": "only system calls that fail with this error: ENOENT or 2"}
/// @choices {"EPERM": 1, "ENOENT": 2, "ESRCH": 3, "EINTR": 4, "EIO": 5, "ENXIO": 6, "EBADF": 9, "ECHILD": 10, "EAGAIN": 11,
///     "ENOMEM": 12, "EACCES": 13, "EFAULT": 14, "EBUSY": 16, "EEXIST": 17, "ENODEV": 19, "ENOTDIR": 20, "EISDIR": 21,
///     "EINVAL": 22, "ENFILE": 23, "EMFILE": 24, "ENOTTY": 25, "ENOSPC": 28, "ESPIPE": 29, "EROFS": 30, "EPIPE": 32,
///     "ENOSYS": 38, "ENOTEMPTY": 39, "ENOTSOCK": 88, "EOPNOTSUPP": 95, "EADDRINUSE": 98, "ECONNRESET": 104, "ENOTCONN": 107,
///     "ETIMEDOUT": 110, "ECONNREFUSED": 111, "EINPROGRESS": 115}
/// @range {"min": 0, "max": 4095}
const volatile int wanted_errno = 0;
/// @cmdarg {"long": "latency", "short": "L", "help": "measure the time in each system call"}
const volatile bool latency = false;
/// @cmdarg {"long": "process", "short": "P", "help": "count by process, not by system call"}
const volatile bool by_process = false;

struct count {
    __u64 count;
};
struct timed_count {
    __u64 count;
    __u64 time_us;
};
struct process_count {
    char comm[TASK_COMM_LEN];
    __u64 count;
};
struct timed_process_count {
    char comm[TASK_COMM_LEN];
    __u64 count;
    __u64 time_us;
};
struct by_syscall {
    __u32 syscall;
};
struct by_pid {
    __u32 pid;
};

/* One table for each form of the output; only the one that the options choose is filled. */

/// @sample {"interval": 1000, "clear_map": true}
/// @decode {"syscall": "syscall"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct by_syscall);
    __type(value, struct count);
} syscalls SEC(".maps");

/// @sample {"interval": 1000, "clear_map": true}
/// @decode {"syscall": "syscall"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct by_syscall);
    __type(value, struct timed_count);
} timed_syscalls SEC(".maps");

/// @sample {"interval": 1000, "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, struct by_pid);
    __type(value, struct process_count);
} processes SEC(".maps");

/// @sample {"interval": 1000, "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, struct by_pid);
    __type(value, struct timed_process_count);
} timed_processes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __type(key, __u32);
    __type(value, __u64);
} starts SEC(".maps");

/* The element of a key, made when it is missing. */
#define ELEMENT(map, key, initial)                                                                                                         \
    ({                                                                                                                                     \
        void *element_ = bpf_map_lookup_elem(map, key);                                                                                    \
        if (!element_) {                                                                                                                   \
            bpf_map_update_elem(map, key, initial, BPF_NOEXIST);                                                                           \
            element_ = bpf_map_lookup_elem(map, key);                                                                                      \
        }                                                                                                                                  \
        element_;                                                                                                                          \
    })

static __always_inline bool traced(__u64 id) {
    return (!target_pid || target_pid == id >> 32) && (!target_tid || target_tid == (__u32)id);
}

SEC("tp/raw_syscalls/sys_enter")
int sys_enter(struct syscall_enter *ctx) {
    __u64 id = bpf_get_current_pid_tgid(), now;
    __u32 tid = id;

    if (!latency || !traced(id))
        return 0;
    now = bpf_ktime_get_ns();
    bpf_map_update_elem(&starts, &tid, &now, BPF_ANY);
    return 0;
}

static __always_inline void count_process(__u32 pid, __u64 took) {
    struct timed_process_count fresh = {};
    struct by_pid key = {pid};

    bpf_get_current_comm(fresh.comm, sizeof(fresh.comm));
    if (latency) {
        struct timed_process_count *timed = ELEMENT(&timed_processes, &key, &fresh);

        if (timed) {
            __sync_fetch_and_add(&timed->count, 1);
            __sync_fetch_and_add(&timed->time_us, took);
        }
    } else {
        struct process_count *count = ELEMENT(&processes, &key, &fresh);

        if (count)
            __sync_fetch_and_add(&count->count, 1);
    }
}

static __always_inline void count_syscall(__u32 number, __u64 took) {
    struct by_syscall key = {number};
    struct timed_count fresh = {};

    if (latency) {
        struct timed_count *timed = ELEMENT(&timed_syscalls, &key, &fresh);

        if (timed) {
            __sync_fetch_and_add(&timed->count, 1);
            __sync_fetch_and_add(&timed->time_us, took);
        }
    } else {
        struct count *count = ELEMENT(&syscalls, &key, &fresh);

        if (count)
            __sync_fetch_and_add(&count->count, 1);
    }
}

SEC("tp/raw_syscalls/sys_exit")
int sys_exit(struct syscall_exit *ctx) {
    __u64 id = bpf_get_current_pid_tgid(), took = 0, *start;
    __u32 tid = id;

    if (!traced(id))
        return 0;
    if (latency) {
        start = bpf_map_lookup_elem(&starts, &tid);
        if (!start)
            return 0;
        took = (bpf_ktime_get_ns() - *start) / 1000;
        bpf_map_delete_elem(&starts, &tid);
    }
    if (ctx->id < 0 || (failures && ctx->ret >= 0) || (wanted_errno && ctx->ret != -wanted_errno))
        return 0;
    if (by_process)
        count_process(id >> 32, took);
    else
        count_syscall(ctx->id, took);
    return 0;
}

/// @brief Count system calls, by call or by process
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
