// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH_P_IP 0x0800

/// @brief Drops UDP packets to some ports before the network stack sees them, and counts who sent how many.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/// @cmdarg {"long": "port", "short": "p", "help": "drop UDP to these ports"}
const volatile __u16 dropped_ports[8] = {};

struct sender {
	__u32 saddr;
	__u16 dport;
};
struct count {
	__u64 passed;
	__u64 dropped;
	__u64 bytes;
};

/// @sample {"interval": 1000}
/// @decode {"saddr": "ip4"}
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct sender);
	__type(value, struct count);
} senders SEC(".maps");

static bool is_dropped(__u16 port)
{
	for (int i = 0; i < 8 && dropped_ports[i]; i++)
		if (dropped_ports[i] == port)
			return true;
	return false;
}

static void add(const struct sender *sender, bool drop, __u64 bytes)
{
	struct count *count = bpf_map_lookup_elem(&senders, sender), none = {};

	if (!count) {
		bpf_map_update_elem(&senders, sender, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&senders, sender);
		if (!count)
			return;
	}
	__sync_fetch_and_add(drop ? &count->dropped : &count->passed, 1);
	__sync_fetch_and_add(&count->bytes, bytes);
}

/* Each pointer into the packet is compared with its end before it is used, or the verifier refuses the program. */
SEC("xdp")
int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct sender sender = {};
	struct udphdr *udp;
	bool drop;

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	udp = (void *)ip + ip->ihl * 4;
	if ((void *)(udp + 1) > end)
		return XDP_PASS;
	sender.saddr = ip->saddr;
	sender.dport = bpf_ntohs(udp->dest);
	drop = is_dropped(sender.dport);
	add(&sender, drop, end - data);
	return drop ? XDP_DROP : XDP_PASS;
}
