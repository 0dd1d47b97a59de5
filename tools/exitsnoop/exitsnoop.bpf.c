// SPDX-License-Identifier: MIT
#include "../include/eunomia/kernel.h"

/// @cmdarg {"long": "pid", "short": "p", "help": "trace this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;
/// @cmdarg {"long": "failed", "short": "x", "help": "only exits with an error or by a signal"}
const volatile bool failed_only = false;
/// @cmdarg {"long": "per-thread", "short": "T", "help": "the end of each thread, not only of processes"}
const volatile bool per_thread = false;

struct event {
    char comm[TASK_COMM_LEN];
    __u32 pid;
    __u32 ppid;
    __u32 tid;
    __u64 age;
    int code;
    int sig; /* that ended it, 0: it exited by itself */
    bool core;
};

/// @decode {"age": "duration_ns", "sig": "signal"}
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("tp/sched/sched_process_exit")
int process_exit(void *ctx) {
    const struct task_struct *task = (const struct task_struct *)bpf_get_current_task();
    __u64 id = bpf_get_current_pid_tgid();
    __u32 pid = id >> 32, tid = id;
    struct event *event;
    int status;

    if (target_pid && target_pid != pid)
        return 0;
    if (!per_thread && pid != tid)
        return 0;
    status = BPF_CORE_READ(task, exit_code);
    if (failed_only && !status)
        return 0;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event)
        return 0;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    event->pid = pid;
    event->ppid = BPF_CORE_READ(task, real_parent, tgid);
    event->tid = tid;
    event->age = bpf_ktime_get_ns() - BPF_CORE_READ(task, start_time);
    event->code = status >> 8 & 0xff;
    event->sig = status & 0x7f;
    event->core = status & 0x80;
    bpf_ringbuf_submit(event, 0);
    return 0;
}

/// @brief Trace processes as they end: age, exit code, signal
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
