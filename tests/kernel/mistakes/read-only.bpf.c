#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

const volatile u64 limit = 5;

SEC("raw_tp/sched_switch")
int writes_a_constant(void *ctx) {
    *(volatile u64 *)&limit = 6; /* here */
    return 0;
}
