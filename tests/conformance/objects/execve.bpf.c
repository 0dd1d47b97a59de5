#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct comm_event { /* 372 bytes */
	int pid;
	char parent[16];
	char command[352];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
} comm_event SEC(".maps");

SEC("tp/syscalls/sys_enter_execve")
int sys_enter_execve(struct trace_event_raw_sys_enter *ctx)
{
	struct comm_event *event = bpf_ringbuf_reserve(&comm_event, sizeof(*event), 0);

	if (!event)
		return 0;
	__builtin_memset(event, 0, sizeof(*event));
	event->pid = (int)bpf_get_current_pid_tgid();
	bpf_get_current_comm(event->parent, sizeof(event->parent));
	bpf_probe_read_user_str(event->command, sizeof(event->command), (const char *)ctx->args[0]);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
