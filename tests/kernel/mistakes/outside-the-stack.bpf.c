#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 seen;

SEC("raw_tp/sched_switch")
int reads_past_an_array(void *ctx) {
    volatile u64 cells[4] = {};
    u32 index = bpf_get_prandom_u32() & 63;
    seen = cells[index]; /* here */
    return 0;
}
