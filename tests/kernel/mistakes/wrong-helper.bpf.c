#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("raw_tp/sched_switch")
int calls_a_helper_of_xdp(struct xdp_md *ctx) {
    return bpf_xdp_adjust_head(ctx, 0); /* here */
}
