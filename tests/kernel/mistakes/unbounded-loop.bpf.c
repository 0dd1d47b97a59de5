#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 seen;

SEC("raw_tp/sched_switch")
int loops_without_end(void *ctx) {
    volatile int on = 1;
    while (on) /* here */
        ;
    return 0;
}
