// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define TCP_SYN 2

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* What the option says, in network order. */
const volatile __u32 mark = 0;
__u64 nr_marked = 0;

struct option {
	__u8 kind, length;
	__u32 mark;
} __attribute__((packed));

/* Put an option of our own into the SYN of each connection that a process of the group makes. */
SEC("sockops")
int mark_syn(struct bpf_sock_ops *ctx)
{
	struct option option = {.kind = 254, .length = sizeof(option), .mark = mark}; /* 254: for experiments, RFC 4727 */

	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		if (ctx->skb_tcp_flags & TCP_SYN)
			bpf_reserve_hdr_opt(ctx, sizeof(option), 0);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		if (ctx->skb_tcp_flags & TCP_SYN && !bpf_store_hdr_opt(ctx, &option, sizeof(option), 0))
			__sync_fetch_and_add(&nr_marked, 1);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB: /* the SYN is out: no more calls for each packet */
		bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags & ~BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
		break;
	}
	return 1;
}
