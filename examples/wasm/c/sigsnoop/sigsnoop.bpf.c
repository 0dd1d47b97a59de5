// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "sigsnoop.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile int wanted_signal = 0;
const volatile bool failed_only = false;

/* What a thread asks for, until the kernel answers. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct event);
} asked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("tp/syscalls/sys_enter_kill")
int on_kill(struct trace_event_raw_sys_enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct event event = {};

	event.pid = id >> 32;
	event.target = ctx->args[0];
	event.signal = ctx->args[1];
	if (wanted_signal && event.signal != wanted_signal)
		return 0;
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_map_update_elem(&asked, &tid, &event, BPF_ANY);
	return 0;
}

SEC("tp/syscalls/sys_exit_kill")
int on_killed(struct trace_event_raw_sys_exit *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct event *event = bpf_map_lookup_elem(&asked, &tid);

	if (!event)
		return 0;
	event->result = ctx->ret;
	if (!failed_only || event->result < 0)
		bpf_ringbuf_output(&events, event, sizeof(*event), 0);
	bpf_map_delete_elem(&asked, &tid);
	return 0;
}
