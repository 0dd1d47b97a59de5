// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "opensnoop.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile int wanted_pid = 0;
const volatile bool failed_only = false;

struct args {
	const char *path;
	int flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct args);
} asked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

static int enter(const char *path, int flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct args args = {path, flags};
	__u32 tid = id;

	if (!wanted_pid || wanted_pid == id >> 32)
		bpf_map_update_elem(&asked, &tid, &args, BPF_ANY);
	return 0;
}

static int leave(void *ctx, int result)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct args *args = bpf_map_lookup_elem(&asked, &tid);
	struct event event = {};

	if (!args)
		return 0;
	if (!failed_only || result < 0) {
		event.pid = id >> 32;
		event.uid = bpf_get_current_uid_gid();
		event.result = result;
		event.flags = args->flags;
		bpf_get_current_comm(event.comm, sizeof(event.comm));
		bpf_probe_read_user_str(event.path, sizeof(event.path), args->path);
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	}
	bpf_map_delete_elem(&asked, &tid);
	return 0;
}

/* Not every architecture has open(2): the guest leaves these out where there is none. */
SEC("tp/syscalls/sys_enter_open")
int enter_open(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[0], ctx->args[1]);
}

SEC("tp/syscalls/sys_exit_open")
int exit_open(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx, ctx->ret);
}

SEC("tp/syscalls/sys_enter_openat")
int enter_openat(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[1], ctx->args[2]);
}

SEC("tp/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx, ctx->ret);
}
