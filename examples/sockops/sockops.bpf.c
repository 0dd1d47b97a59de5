// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2

/// @brief Shows the TCP connections of a control group as they are made and closed, with their round-trip times and bytes.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum what {
	CONNECTED,
	ACCEPTED,
	CLOSED,
};

struct event {
	enum what event;
	__u32 laddr;
	__u16 lport;
	__u32 raddr;
	__u16 rport;
	__u32 rtt_us;
	__u64 sent;
	__u64 received;
};

/// @decode {"laddr": "ip4", "raddr": "ip4", "rtt_us": "duration_us"}
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

static void report(struct bpf_sock_ops *ctx, enum what what)
{
	struct event *event;

	if (ctx->family != AF_INET)
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return;
	event->event = what;
	event->laddr = ctx->local_ip4;
	event->lport = ctx->local_port; /* this one in host order */
	event->raddr = ctx->remote_ip4;
	event->rport = bpf_ntohl(ctx->remote_port); /* that one as 32 bits in network order */
	event->rtt_us = ctx->srtt_us >> 3; /* the kernel keeps eighths */
	event->sent = ctx->bytes_acked;
	event->received = ctx->bytes_received;
	bpf_ringbuf_submit(event, 0);
}

/* One program is told of everything in a connection's life; `op` says of what. Changes of state are told on request. */
SEC("sockops")
int watch(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		report(ctx, ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB ? CONNECTED : ACCEPTED);
		bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (ctx->args[1] == BPF_TCP_CLOSE)
			report(ctx, CLOSED);
		break;
	}
	return 1;
}
