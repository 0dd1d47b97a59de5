#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8);
    __type(key, u32);
    __type(value, u64);
} counts SEC(".maps");


SEC("raw_tp/sched_switch")
int adds_across_a_boundary(void *ctx) {
    u64 pair[2] = {};
    asm volatile("lock *(u64 *)(%0 + 3) += %1;" ::"r"(pair), "r"(1ull) : "memory"); /* here */
    return 0;
}
