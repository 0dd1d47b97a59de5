// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH_P_IP 0x0800
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

/// @brief Counts what comes in and goes out of an interface, and limits how much goes out.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/// @cmdarg {"long": "limit", "short": "l", "help": "drop outgoing IPv4 packets longer than this (bytes, without the Ethernet header)"}
const volatile __u32 limit = 0;

enum direction {
	ingress,
	egress,
};
struct traffic {
	enum direction direction;
	__u32 protocol;
};
struct count {
	__u64 packets;
	__u64 bytes;
	__u64 dropped;
};

/// @sample {"interval": 1000}
/// @decode {"protocol": "ip_protocol"}
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct traffic);
	__type(value, struct count);
} traffic SEC(".maps");

static int look(struct __sk_buff *skb, enum direction direction)
{
	struct traffic key = {.direction = direction};
	bool drop = direction == egress && limit && skb->len - sizeof(struct ethhdr) > limit;
	struct count *count, none = {};
	__u8 protocol;

	/* The header need not be in one piece: this helper copies what is wanted of it. */
	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, sizeof(struct ethhdr) + offsetof(struct iphdr, protocol), &protocol, sizeof(protocol)))
		return TC_ACT_OK;
	key.protocol = protocol;
	count = bpf_map_lookup_elem(&traffic, &key);
	if (!count) {
		bpf_map_update_elem(&traffic, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&traffic, &key);
		if (!count)
			return TC_ACT_OK;
	}
	__sync_fetch_and_add(&count->packets, 1);
	__sync_fetch_and_add(&count->bytes, skb->len);
	if (!drop)
		return TC_ACT_OK;
	__sync_fetch_and_add(&count->dropped, 1);
	return TC_ACT_SHOT;
}

SEC("tc/ingress")
int comes_in(struct __sk_buff *skb)
{
	return look(skb, ingress);
}

SEC("tc/egress")
int goes_out(struct __sk_buff *skb)
{
	return look(skb, egress);
}
