// A socket filter with its own header types; the ring's record has nested structs and a union.
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct so_event {
    __be32 src_addr;
    __be32 dst_addr;
    union {
        __be32 ports;
        __be16 port16[2];
    };
    __u32 ip_proto;
    __u32 pkt_type;
    __u32 ifindex;
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} rb SEC(".maps");

SEC("socket")
int socket_handler(struct __sk_buff *skb) {
    struct so_event *e;
    __u16 proto;

    bpf_skb_load_bytes(skb, 12, &proto, 2);
    if (bpf_ntohs(proto) != ETH_P_IP)
        return 0;
    e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);
    if (!e)
        return 0;
    e->ip_proto = 0;
    bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, protocol), &e->ip_proto, 1);
    bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, saddr), &e->src_addr, 4);
    bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, daddr), &e->dst_addr, 4);
    bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(struct iphdr), &e->ports, 4);
    e->pkt_type = skb->pkt_type;
    e->ifindex = skb->ifindex;
    bpf_ringbuf_submit(e, 0);
    return skb->len;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
