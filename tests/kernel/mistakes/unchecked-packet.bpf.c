#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int reads_a_packet_unchecked(struct xdp_md *ctx) {
    unsigned char *data = (void *)(long)ctx->data;
    return data[12] == 8 ? XDP_PASS : XDP_DROP; /* here */
}
