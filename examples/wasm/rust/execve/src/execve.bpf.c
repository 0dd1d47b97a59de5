// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct event {
	__u32 pid;
	__u32 uid;
	char parent[16];
	char path[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* Calls of execve(2) by user; a map with a value for each CPU needs no atomic operations. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} calls SEC(".maps");

SEC("tp/syscalls/sys_enter_execve")
int on_execve(struct trace_event_raw_sys_enter *ctx)
{
	const struct task_struct *task = (const struct task_struct *)bpf_get_current_task();
	__u32 uid = bpf_get_current_uid_gid();
	__u64 one = 1, *count = bpf_map_lookup_elem(&calls, &uid);
	struct event *event;

	if (count)
		(*count)++;
	else
		bpf_map_update_elem(&calls, &uid, &one, BPF_NOEXIST);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = uid;
	BPF_CORE_READ_STR_INTO(&event->parent, task, real_parent, comm);
	bpf_probe_read_user_str(event->path, sizeof(event->path), (const char *)ctx->args[0]);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
