// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

/// @brief Shows what a program says at the places that it was marked at.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct event {
	__u32 pid;
	char comm[16];
	__u64 number;
	int price;
	char item[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* usdt/PROGRAM:PROVIDER:NAME. How each argument is found, in a register or in memory, stands in the program's file. */
SEC("usdt/./shop:shop:order")
int BPF_USDT(order, __u64 number, int price, const char *item)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event->number = number;
	event->price = price;
	bpf_probe_read_user_str(event->item, sizeof(event->item), item);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
