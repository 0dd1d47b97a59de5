// SPDX-License-Identifier: MIT
#include "../include/eunomia/kernel.h"

/// @cmdarg {"long": "pid", "short": "p", "help": "trace this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;
/// @cmdarg {"long": "tid", "short": "t", "help": "trace this thread ID only"}
/// @filter tid
const volatile pid_t target_tid = 0;
/// @cmdarg {"long": "user-threads-only", "short": "u", "help": "only threads of user space"}
const volatile bool user_threads = false;
/// @cmdarg {"long": "kernel-threads-only", "short": "k", "help": "only kernel threads"}
const volatile bool kernel_threads = false;
/// @cmdarg {"long": "user-stacks-only", "short": "U", "help": "only stacks of user space, none of the kernel"}
const volatile bool user_stacks = false;
/// @cmdarg {"long": "kernel-stacks-only", "short": "K", "help": "only stacks of the kernel, none of user space"}
const volatile bool kernel_stacks = false;
/// @cmdarg {"default": 1, "long": "min-block-time", "short": "m", "help": "only times of at least this many microseconds"}
const volatile __u64 min_us = 1;
/// @cmdarg {"default": 0, "long": "max-block-time", "short": "M", "help": "only times of at most this many microseconds (0: no limit)"}
const volatile __u64 max_us = 0;
/// @cmdarg {"default": -1, "long": "state", "help": "only threads in this state when they stop, e.g. 2: uninterruptible sleep (-1: all)"}
const volatile int state = -1;

#define MAX_STACKS 10240
#define MAX_DEPTH 127
#define TRACING_FRAMES 3 /* of the tracepoint and of this program: not shown */
#define PF_KTHREAD 0x00200000

struct stack_key {
    __u32 pid;
    int kernel_stack; /* negative: none */
    int user_stack;
    char comm[TASK_COMM_LEN];
};
struct stack_time {
    __u64 us;
};

struct {
    __uint(type, BPF_MAP_TYPE_STACK_TRACE);
    __uint(max_entries, MAX_STACKS);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, MAX_DEPTH * sizeof(__u64));
} stackmap SEC(".maps");

/// @sample {"interval": 0, "unit": "usecs"}
/// @intepreter {"stack_trace": {"field_map": {"kstack": "kernel_stack", "ustack": "user_stack"}, "with_symbols": true, "stack_map":
/// "stackmap"}}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_STACKS);
    __type(key, struct stack_key);
    __type(value, struct stack_time);
} times SEC(".maps");

struct pause {
    __u64 since;
    struct stack_key key;
};
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, __u32);
    __type(value, struct pause);
} pauses SEC(".maps");

static __always_inline bool traced(const struct task_struct *task) {
    bool kernel_thread = task->flags & PF_KTHREAD;

    if (!task->pid || (target_pid && target_pid != task->tgid) || (target_tid && target_tid != task->pid))
        return false;
    if ((user_threads && kernel_thread) || (kernel_threads && !kernel_thread))
        return false;
    return state < 0 || state == (int)task_state(task);
}

/* The stack is the one of `prev`: it is still the current thread when this runs. */
static __always_inline void stopped(void *ctx, const struct task_struct *task) {
    struct pause pause = {.since = bpf_ktime_get_ns(), .key.pid = task->tgid};
    __u32 tid = task->pid;

    pause.key.kernel_stack = user_stacks ? -1 : bpf_get_stackid(ctx, &stackmap, TRACING_FRAMES);
    pause.key.user_stack = kernel_stacks || task->flags & PF_KTHREAD ? -1 : bpf_get_stackid(ctx, &stackmap, BPF_F_USER_STACK);
    bpf_core_read(pause.key.comm, sizeof(pause.key.comm), &task->comm);
    bpf_map_update_elem(&pauses, &tid, &pause, BPF_ANY);
}

static __always_inline void goes_on(__u32 tid) {
    struct pause *pause = bpf_map_lookup_elem(&pauses, &tid);
    struct stack_time *time, fresh = {};
    struct stack_key key;
    __u64 us;

    if (!pause)
        return;
    us = (bpf_ktime_get_ns() - pause->since) / 1000;
    key = pause->key;
    bpf_map_delete_elem(&pauses, &tid);
    if (us < min_us || (max_us && us > max_us))
        return;
    time = bpf_map_lookup_elem(&times, &key);
    if (!time) {
        bpf_map_update_elem(&times, &key, &fresh, BPF_NOEXIST);
        time = bpf_map_lookup_elem(&times, &key);
    }
    if (time)
        __sync_fetch_and_add(&time->us, us);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next) {
    if (traced(prev))
        stopped(ctx, prev);
    goes_on(next->pid);
    return 0;
}

/// @brief Sum up the time that threads are off the CPU, by the stack where they stopped
/// @details Microseconds. Prints at the end: after --duration SECONDS or Ctrl-C.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
