// SPDX-License-Identifier: GPL-2.0
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";
int system, wait;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} openat SEC(".maps");

SEC("tp/sched/sched_process_exec")
int execve(void *ctx) {
    return 0;
}

SEC("tp/sched/sched_process_exit")
int open(void *ctx) {
    return 0;
}
