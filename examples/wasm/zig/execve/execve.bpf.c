// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile bool with_threads = false;

struct event {
	__u32 pid;
	__u32 ppid;
	char parent[16];
	char command[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} executions SEC(".maps"); /* by parent */

SEC("tp/syscalls/sys_enter_execve")
int on_execve(struct trace_event_raw_sys_enter *ctx)
{
	const struct task_struct *task = (const struct task_struct *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid(), one = 1, *count;
	struct event *event;
	__u32 parent;

	if (!with_threads && id >> 32 != (__u32)id)
		return 0;
	parent = BPF_CORE_READ(task, real_parent, tgid);
	count = bpf_map_lookup_elem(&executions, &parent);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&executions, &parent, &one, BPF_NOEXIST);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = id >> 32;
	event->ppid = parent;
	BPF_CORE_READ_STR_INTO(&event->parent, task, real_parent, comm);
	event->command[0] = 0;
	bpf_probe_read_user_str(event->command, sizeof(event->command), (const char *)ctx->args[0]);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
