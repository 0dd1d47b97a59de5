// xdp with annotations, counting into a per-CPU array that is sampled.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct counter {
    u64 packets;
    u64 bytes;
};

/// @sample {"interval": 500, "type": "default_kv"}
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct counter);
} counters SEC(".maps");

/// @ifindex 1
/// @flags 0
/// @xdpopts {"old_prog_fd":0}
SEC("xdp")
int xdp_pass(struct xdp_md *ctx) {
    u32 key = 0;
    struct counter *counter = bpf_map_lookup_elem(&counters, &key);

    if (counter) {
        counter->packets++;
        counter->bytes += ctx->data_end - ctx->data;
    }
    return XDP_PASS;
}

char __license[] SEC("license") = "GPL";
