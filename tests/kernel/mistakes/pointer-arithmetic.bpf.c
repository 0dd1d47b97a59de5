#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 seen;

SEC("raw_tp/sched_switch")
int shifts_an_address(void *ctx) {
    u64 cell = 0;
    u64 address = (u64)&cell;
    asm volatile("%0 *= 3;" : "+r"(address)); /* here */
    seen = address;
    return 0;
}
