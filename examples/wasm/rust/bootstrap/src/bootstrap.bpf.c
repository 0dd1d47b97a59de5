// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* A constant to the verifier, written by the guest before the program is loaded: with 0, the lines that compare it cost nothing. */
const volatile __u64 min_duration_ms = 0;

enum what {
	EXEC,
	EXIT,
};

struct event {
	enum what event;
	char comm[16];
	__u32 pid;
	__u32 ppid;
	__u32 code;
	__u64 age; /* nanoseconds since the exec, 0 if that was before we came */
	char filename[128];
};

/* When processes executed their program. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u64);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* Place for a record in the ring; NULL when it is full, which is counted by itself. */
static struct event *new_event(enum what what)
{
	const struct task_struct *task = (const struct task_struct *)bpf_get_current_task();
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return NULL;
	event->event = what;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event->code = 0;
	event->age = 0;
	event->filename[0] = 0;
	return event;
}

SEC("tp/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 now = bpf_ktime_get_ns();
	struct event *event;

	bpf_map_update_elem(&started, &pid, &now, BPF_ANY);
	if (min_duration_ms)
		return 0;
	event = new_event(EXEC);
	if (!event)
		return 0;
	/* Text of varying length lies behind the tracepoint's record; the low half of this member says where. */
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), (void *)ctx + (ctx->__data_loc_filename & 0xffff));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tp/sched/sched_process_exit")
int on_exit(void *ctx)
{
	const struct task_struct *task = (const struct task_struct *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid(), age = 0, *begun;
	__u32 pid = id >> 32;
	struct event *event;

	if (pid != (__u32)id) /* a thread that ends is not the process */
		return 0;
	begun = bpf_map_lookup_elem(&started, &pid);
	if (begun) {
		age = bpf_ktime_get_ns() - *begun;
		bpf_map_delete_elem(&started, &pid);
	}
	if (age < min_duration_ms * 1000000)
		return 0;
	event = new_event(EXIT);
	if (!event)
		return 0;
	event->age = age;
	event->code = BPF_CORE_READ(task, exit_code) >> 8 & 0xff;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
