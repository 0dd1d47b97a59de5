// SPDX-License-Identifier: MIT
#include "../include/eunomia/kernel.h"

/// @cmdarg {"long": "pid", "short": "p", "help": "profile this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;
/// @cmdarg {"long": "tid", "short": "L", "help": "profile this thread ID only"}
/// @filter tid
const volatile pid_t target_tid = 0;
/// @cmdarg {"long": "user-stacks-only", "short": "U", "help": "only stacks of user space, none of the kernel"}
const volatile bool user_only = false;
/// @cmdarg {"long": "kernel-stacks-only", "short": "K", "help": "only stacks of the kernel, none of user space"}
const volatile bool kernel_only = false;
/// @cmdarg {"long": "include-idle", "short": "I", "help": "include samples of idle CPUs"}
const volatile bool include_idle = false;
/// @cmdarg {"default": 49, "long": "frequency", "short": "F", "help": "samples a second, on each CPU"}
/// @range {"min": 1, "max": 10000}
const volatile int frequency = 49;
/// @cmdarg {"default": -1, "long": "cpu", "short": "C", "help": "profile this CPU only (-1: all)"}
const volatile int target_cpu = -1;

#define MAX_STACKS 10240
#define MAX_DEPTH 127

struct stack_key {
    __u32 pid;
    int kernel_stack; /* negative: none */
    int user_stack;
    char comm[TASK_COMM_LEN];
};
struct stack_count {
    __u64 count;
};

struct {
    __uint(type, BPF_MAP_TYPE_STACK_TRACE);
    __uint(max_entries, MAX_STACKS);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, MAX_DEPTH * sizeof(__u64));
} stackmap SEC(".maps");

/// @sample {"interval": 0}
/// @intepreter {"stack_trace": {"field_map": {"kstack": "kernel_stack", "ustack": "user_stack"}, "with_symbols": true, "stack_map":
/// "stackmap"}}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_STACKS);
    __type(key, struct stack_key);
    __type(value, struct stack_count);
} counts SEC(".maps");

/// @perf_event {"type": "software", "config": "cpu_clock", "frequency": "frequency"}
SEC("perf_event")
int profile(void *ctx) {
    __u64 id = bpf_get_current_pid_tgid();
    struct stack_key key = {.pid = id >> 32};
    struct stack_count *count, fresh = {};

    if (!(__u32)id && !include_idle)
        return 0;
    if ((target_pid && target_pid != key.pid) || (target_tid && target_tid != (__u32)id))
        return 0;
    if (target_cpu >= 0 && target_cpu != bpf_get_smp_processor_id())
        return 0;
    key.kernel_stack = user_only ? -1 : bpf_get_stackid(ctx, &stackmap, 0);
    key.user_stack = kernel_only ? -1 : bpf_get_stackid(ctx, &stackmap, BPF_F_USER_STACK);
    bpf_get_current_comm(key.comm, sizeof(key.comm));
    count = bpf_map_lookup_elem(&counts, &key);
    if (!count) {
        bpf_map_update_elem(&counts, &key, &fresh, BPF_NOEXIST);
        count = bpf_map_lookup_elem(&counts, &key);
    }
    if (count)
        __sync_fetch_and_add(&count->count, 1);
    return 0;
}

/// @brief Profile the CPUs: which stacks run how often
/// @details Prints at the end: after --duration SECONDS or Ctrl-C.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
