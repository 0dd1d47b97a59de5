// SPDX-License-Identifier: MIT
#include "../include/eunomia/kernel.h"

/// @cmdarg {"default": 10000, "long": "min-us", "short": "m", "help": "show waits of at least this many microseconds"}
/// @filter {"field": "lat_us", "op": ">="}
const volatile __u64 min_us = 10000;
/// @cmdarg {"long": "pid", "short": "p", "help": "trace this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;
/// @cmdarg {"long": "tid", "short": "t", "help": "trace this thread ID only"}
/// @filter tid
const volatile pid_t target_tid = 0;

struct event {
    char comm[TASK_COMM_LEN];
    __u32 tid;
    __u64 lat_us;
    char prev_comm[TASK_COMM_LEN]; /* what ran on the CPU until then */
    __u32 prev_tid;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, __u32);
    __type(value, __u64);
} queued SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

static __always_inline int enqueue(__u32 tgid, __u32 tid) {
    __u64 now;

    if (!tid || (target_pid && target_pid != tgid) || (target_tid && target_tid != tid))
        return 0;
    now = bpf_ktime_get_ns();
    bpf_map_update_elem(&queued, &tid, &now, BPF_ANY);
    return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task) {
    return enqueue(task->tgid, task->pid);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *task) {
    return enqueue(task->tgid, task->pid);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next) {
    __u32 tid = next->pid;
    struct event *event;
    __u64 *since, waited;

    if (task_state(prev) == 0) /* it could go on running: it waits from now */
        enqueue(prev->tgid, prev->pid);
    since = bpf_map_lookup_elem(&queued, &tid);
    if (!since)
        return 0;
    waited = (bpf_ktime_get_ns() - *since) / 1000;
    bpf_map_delete_elem(&queued, &tid);
    if (waited < min_us)
        return 0;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event)
        return 0;
    bpf_core_read(event->comm, sizeof(event->comm), &next->comm);
    event->tid = tid;
    event->lat_us = waited;
    bpf_core_read(event->prev_comm, sizeof(event->prev_comm), &prev->comm);
    event->prev_tid = prev->pid;
    bpf_ringbuf_submit(event, 0);
    return 0;
}

/// @brief Trace threads that waited long for a CPU
/// @details LAT_US is the time from being runnable to running; PREV_COMM ran on that CPU before.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
