#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("raw_tp/sched_switch")
__attribute__((naked)) int returns_nothing(void *ctx) {
    asm volatile("exit;");
}
