// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/// @brief Shows calls of a function of a program, with their arguments and results.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct event {
	__u32 pid;
	char comm[16];
	int amount;
	int result;
	char item[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* By thread, from the function's entry to its return. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct event);
} calls SEC(".maps");

/* int sell(const char *item, int amount) of shop.c. The program before the colon: a path, a name from PATH, or a library. */
SEC("uprobe/./shop:sell")
int BPF_UPROBE(sell_begins, const char *item, int amount)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct event event = {.pid = id >> 32, .amount = amount};
	__u32 tid = id;

	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_probe_read_user_str(event.item, sizeof(event.item), item);
	bpf_map_update_elem(&calls, &tid, &event, BPF_ANY);
	return 0;
}

SEC("uretprobe/./shop:sell")
int BPF_URETPROBE(sell_ends, int result)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct event *event = bpf_map_lookup_elem(&calls, &tid);

	if (!event)
		return 0;
	event->result = result;
	bpf_ringbuf_output(&events, event, sizeof(*event), 0);
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}
