#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("raw_tp/sched_switch")
__attribute__((naked)) int jumps_over(void *ctx) {
    asm volatile("r0 = 0; exit; r0 = 1; exit;");
}
