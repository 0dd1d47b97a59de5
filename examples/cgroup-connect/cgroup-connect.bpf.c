// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/// @brief Sends the TCP connections of a control group that go to one port to another port of this machine.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/// @cmdarg {"long": "from", "help": "connections to this port"}
const volatile __u16 from_port = 80;
/// @cmdarg {"long": "to", "help": "go to this port of 127.0.0.1"}
const volatile __u16 to_port = 8080;

struct event {
	__u32 pid;
	char comm[16];
	__u32 daddr; /* where it wanted to go */
	__u16 dport;
	__u16 now;
};

/// @decode {"daddr": "ip4"}
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

/* Runs in connect(2), in the process that calls it, before a packet is sent. What it writes into the address is where the
 * connection goes; 0 instead of 1 would make connect(2) fail with EPERM. */
SEC("cgroup/connect4")
int redirect(struct bpf_sock_addr *ctx)
{
	__u16 port = bpf_ntohs(ctx->user_port);
	struct event *event;

	if (ctx->protocol != IPPROTO_TCP || port != from_port)
		return 1;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		event->daddr = ctx->user_ip4;
		event->dport = port;
		event->now = to_port;
		bpf_ringbuf_submit(event, 0);
	}
	ctx->user_ip4 = bpf_htonl(0x7f000001);
	ctx->user_port = bpf_htons(to_port);
	return 1;
}
