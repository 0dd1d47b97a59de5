#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "@NAME@.h"

#define ETH_P_IP 0x0800

/// Counts IPv4 packets and bytes by source address on an interface.
char LICENSE[] SEC("license") = "GPL";

/// @sample {"interval": 1000}
/// @decode {"key": "ip4"}
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct traffic);
} sources SEC(".maps");

/// @ifindex 1
SEC("xdp")
int on_packet(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = data + sizeof(*ethernet);
	struct traffic *seen, first = {};
	__u32 source;

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	source = ip->saddr;
	seen = bpf_map_lookup_elem(&sources, &source);
	if (seen) {
		__sync_fetch_and_add(&seen->packets, 1);
		__sync_fetch_and_add(&seen->bytes, end - data);
	} else {
		first.packets = 1;
		first.bytes = end - data;
		bpf_map_update_elem(&sources, &source, &first, BPF_ANY);
	}
	return XDP_PASS;
}
