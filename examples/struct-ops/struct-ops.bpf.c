// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/// @brief A TCP congestion control that always sends the same number of packets at a time.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/// @cmdarg {"long": "window", "short": "w", "help": "packets that may be under way at a time"}
/// @range {"min": 1, "max": 1000}
const volatile __u32 window = 10;

struct count {
	__u64 connections;
	__u64 acks;
	__u64 losses;
};

/// @sample {"interval": 1000}
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct count);
} counts SEC(".maps");

static struct count *the_count(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counts, &zero);
}

/* The functions of `struct tcp_congestion_ops`, which the kernel calls in place of those of cubic or reno. */

SEC("struct_ops/begin")
void BPF_PROG(begin, struct sock *sk)
{
	struct count *count = the_count();

	if (count)
		__sync_fetch_and_add(&count->connections, 1);
}

SEC("struct_ops/threshold")
__u32 BPF_PROG(threshold, struct sock *sk)
{
	struct count *count = the_count();

	if (count)
		__sync_fetch_and_add(&count->losses, 1);
	return window;
}

SEC("struct_ops/acknowledged")
void BPF_PROG(acknowledged, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct count *count = the_count();

	tp->snd_cwnd = window; /* one of the few members that these programs may write */
	if (count)
		__sync_fetch_and_add(&count->acks, 1);
}

SEC("struct_ops/undo")
__u32 BPF_PROG(undo, struct sock *sk)
{
	return window;
}

SEC(".struct_ops")
struct tcp_congestion_ops fixed = {
	.init = (void *)begin,
	.ssthresh = (void *)threshold,
	.cong_avoid = (void *)acknowledged,
	.undo_cwnd = (void *)undo,
	.name = "bpf_fixed",
};
