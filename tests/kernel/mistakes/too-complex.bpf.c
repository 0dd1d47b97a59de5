#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 seen;

SEC("raw_tp/sched_switch")
int loops_a_million_times(void *ctx) {
    for (u64 i = 0; i < 10000000; i++)
        seen += i ^ bpf_get_prandom_u32();
    return 0;
}
