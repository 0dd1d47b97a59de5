// SPDX-License-Identifier: MIT
#include "../include/eunomia/hist.h"

/// @cmdarg {"long": "offcpu", "short": "O", "help": "measure the time off the CPU instead of on it"}
const volatile bool off_cpu = false;
/// @cmdarg {"long": "milliseconds", "short": "m", "help": "histogram in milliseconds"}
const volatile bool milliseconds = false;
/// @cmdarg {"long": "pids", "short": "P", "help": "a histogram for each process"}
const volatile bool per_process = false;
/// @cmdarg {"long": "tids", "short": "L", "help": "a histogram for each thread"}
const volatile bool per_thread = false;
/// @cmdarg {"long": "include-idle", "short": "I", "help": "include the time of the idle threads"}
const volatile bool include_idle = false;
/// @cmdarg {"long": "pid", "short": "p", "help": "trace this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;

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
    __u32 id; /* process or thread */
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

struct slice {
    __u32 tid;
    __u32 cpu; /* idle threads all have the ID 0 */
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, struct slice);
    __type(value, __u64);
} starts SEC(".maps");

static struct task_hist empty;

static __always_inline bool traced(const struct task_struct *task) {
    return (task->pid || include_idle) && (!target_pid || target_pid == task->tgid);
}

static __always_inline struct slice slice_of(const struct task_struct *task) {
    return (struct slice){task->pid, task->pid ? 0 : bpf_get_smp_processor_id()};
}

static __always_inline void begin(const struct task_struct *task, __u64 now) {
    struct slice slice = slice_of(task);

    if (traced(task))
        bpf_map_update_elem(&starts, &slice, &now, BPF_ANY);
}

static __always_inline void count_each(void *map, const struct task_struct *task, __u64 took) {
    struct owner owner = {per_thread ? task->pid : task->tgid};
    struct task_hist *hist = bpf_map_lookup_elem(map, &owner);

    if (!hist) {
        bpf_map_update_elem(map, &owner, &empty, BPF_NOEXIST);
        hist = bpf_map_lookup_elem(map, &owner);
        if (!hist)
            return;
        bpf_core_read(hist->comm, sizeof(hist->comm), &task->comm);
    }
    hist_count(hist, took);
}

static __always_inline void count_total(void *map, __u64 took) {
    __u32 zero = 0;
    struct hist *hist = bpf_map_lookup_elem(map, &zero);

    if (hist)
        hist_count(hist, took);
}

static __always_inline void end(const struct task_struct *task, __u64 now) {
    struct slice slice = slice_of(task);
    __u64 *start, took;

    if (!traced(task))
        return;
    start = bpf_map_lookup_elem(&starts, &slice);
    if (!start)
        return;
    took = (now - *start) / (milliseconds ? 1000000 : 1000);
    bpf_map_delete_elem(&starts, &slice);
    if (per_process || per_thread) {
        if (milliseconds)
            count_each(&each_ms, task, took);
        else
            count_each(&each_us, task, took);
    } else if (milliseconds) {
        count_total(&total_ms, took);
    } else {
        count_total(&total_us, took);
    }
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next) {
    __u64 now = bpf_ktime_get_ns();

    if (off_cpu) {
        begin(prev, now);
        end(next, now);
    } else {
        end(prev, now);
        begin(next, now);
    }
    return 0;
}

/// @brief Show as histograms how long threads run on a CPU at a time, or stay off it
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
