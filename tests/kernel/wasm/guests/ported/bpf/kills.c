//go:build ignore

#include "common.h"

char __license[] SEC("license") = "Dual MIT/GPL";

struct event {
	__u32 pid;
	__u8 comm[16];
	__u32 number;
};
struct event *unused __attribute__((unused));

struct kill_args {
	__u64 common;
	__s64 nr, pid, sig;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} steps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} per_process SEC(".maps");

volatile const __u32 base;

SEC("tracepoint/syscalls/sys_enter_kill")
int first_step(struct kill_args *ctx)
{
	if (ctx->sig < base || ctx->sig > base + 1000)
		return 0;
	bpf_tail_call(ctx, &steps, 1);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_kill")
int second_step(struct kill_args *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 one = 1, *seen = bpf_map_lookup_elem(&per_process, &pid);
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	if (seen)
		++*seen;
	else
		bpf_map_update_elem(&per_process, &pid, &one, BPF_ANY);
	event->pid = pid;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event->number = ctx->sig - base;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_kill")
int never_loaded(struct kill_args *ctx)
{
	return *(volatile int *)ctx->pid;
}
