// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH_P_IP 0x0800

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Of UDP; 0: none. */
const volatile __u16 dropped_port = 0;

struct count {
	__u64 passed, dropped;
};

/* By IP protocol, for each CPU its own. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct count);
} counts SEC(".maps");

SEC("xdp")
int count_packets(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct count *count;
	__u32 protocol;

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	protocol = ip->protocol;
	count = bpf_map_lookup_elem(&counts, &protocol);
	if (!count)
		return XDP_PASS;
	if (dropped_port && protocol == IPPROTO_UDP && ip->ihl == 5 && (void *)(udp + 1) <= end &&
	    udp->dest == bpf_htons(dropped_port)) {
		count->dropped++;
		return XDP_DROP;
	}
	count->passed++;
	return XDP_PASS;
}
