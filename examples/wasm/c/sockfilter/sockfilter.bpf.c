// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "sockfilter.h"

#define ETH_P_IP 0x0800
#define PACKET_OUTGOING 4

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* The result is how many bytes of the packet the socket gets: none. */
SEC("socket")
int watch(struct __sk_buff *skb)
{
	unsigned short ports[2] = {};
	struct event *event;
	struct iphdr ip;

	if (skb->pkt_type == PACKET_OUTGOING || skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, sizeof(struct ethhdr), &ip, sizeof(ip)))
		return 0;
	if (ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_UDP)
		bpf_skb_load_bytes(skb, sizeof(struct ethhdr) + ip.ihl * 4, ports, sizeof(ports));
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->protocol = ip.protocol;
	event->saddr = ip.saddr;
	event->daddr = ip.daddr;
	event->length = skb->len;
	event->sport = ports[0];
	event->dport = ports[1];
	bpf_ringbuf_submit(event, 0);
	return 0;
}
