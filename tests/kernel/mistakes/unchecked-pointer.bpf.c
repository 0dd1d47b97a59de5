#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 seen;

SEC("raw_tp/sched_switch")
int follows_a_number(void *ctx) {
    int *task = (int *)bpf_get_current_task();
    seen = *task; /* here */
    return 0;
}
