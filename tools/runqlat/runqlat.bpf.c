// SPDX-License-Identifier: MIT
#include "../include/eunomia/hist.h"

/// @cmdarg {"long": "milliseconds", "short": "m", "help": "histogram in milliseconds"}
const volatile bool milliseconds = false;
/// @cmdarg {"long": "pids", "short": "P", "help": "a histogram for each process"}
const volatile bool per_process = false;
/// @cmdarg {"long": "tids", "short": "L", "help": "a histogram for each thread"}
const volatile bool per_thread = false;
/// @cmdarg {"long": "pidnss", "help": "a histogram for each PID namespace"}
const volatile bool per_pidns = false;
/// @cmdarg {"long": "pid", "short": "p", "help": "trace this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;

/* Total histograms are arrays of one element, those by process hashes; each once for each unit. */

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "usecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct hist);
} total_us SEC(".maps");

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "msecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct hist);
} total_ms SEC(".maps");

struct owner {
    __u32 id; /* process, thread or namespace */
};

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "usecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, struct owner);
    __type(value, struct task_hist);
} each_us SEC(".maps");

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "msecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, struct owner);
    __type(value, struct task_hist);
} each_ms SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, __u32);
    __type(value, __u64);
} queued SEC(".maps");

static struct task_hist empty;

static __always_inline int enqueue(__u32 tgid, __u32 tid) {
    __u64 now;

    if (!tid || (target_pid && target_pid != tgid))
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

static __always_inline void count_each(void *map, struct task_struct *task, __u64 waited) {
    struct owner owner = {per_thread ? task->pid : task->tgid};
    struct task_hist *hist;

    if (per_pidns)
        owner.id = task_pid_namespace(task);
    hist = bpf_map_lookup_elem(map, &owner);
    if (!hist) {
        bpf_map_update_elem(map, &owner, &empty, BPF_NOEXIST);
        hist = bpf_map_lookup_elem(map, &owner);
        if (!hist)
            return;
        bpf_core_read(hist->comm, sizeof(hist->comm), &task->comm);
    }
    hist_count(hist, waited);
}

static __always_inline void count_total(void *map, __u64 waited) {
    __u32 zero = 0;
    struct hist *hist = bpf_map_lookup_elem(map, &zero);

    if (hist)
        hist_count(hist, waited);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next) {
    __u32 tid = next->pid;
    __u64 *since, waited;

    if (task_state(prev) == 0)
        enqueue(prev->tgid, prev->pid);
    since = bpf_map_lookup_elem(&queued, &tid);
    if (!since)
        return 0;
    waited = (bpf_ktime_get_ns() - *since) / (milliseconds ? 1000000 : 1000);
    bpf_map_delete_elem(&queued, &tid);
    if (per_process || per_thread || per_pidns) {
        if (milliseconds)
            count_each(&each_ms, next, waited);
        else
            count_each(&each_us, next, waited);
    } else if (milliseconds) {
        count_total(&total_ms, waited);
    } else {
        count_total(&total_us, waited);
    }
    return 0;
}

/// @brief Show as histograms how long threads wait for a CPU
/// @details The time from being runnable (woken, or preempted) to running.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
