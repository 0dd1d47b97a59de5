#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u32 wanted;

SEC("raw_tp/sched_switch")
int reads_nothing_perhaps(void *ctx) {
    char buffer[32];
    u64 size = wanted;
    if (size > sizeof(buffer))
        return 0;
    bpf_get_current_comm(buffer, size); /* here */
    return 0;
}
