#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct args {
	const char *name;
	int flags;
};

struct event { /* 312 bytes; a perf buffer brings 316: 4 bytes of length make it a multiple of 8 */
	__u64 ts;
	int pid;
	unsigned uid;
	int ret;
	int flags;
	char comm[16];
	char name[255];
	__u64 callers[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct args);
} start SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

static int enter(const char *name, int flags)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct args args = {};

	args.name = name;
	args.flags = flags;
	bpf_map_update_elem(&start, &thread, &args, 0);
	return 0;
}

static int leave(void *ctx, int result)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct args *args = bpf_map_lookup_elem(&start, &thread);
	struct event event = {};

	if (!args)
		return 0;
	event.ts = bpf_ktime_get_ns();
	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.uid = (unsigned)bpf_get_current_uid_gid();
	event.ret = result;
	event.flags = args->flags;
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_probe_read_user_str(event.name, sizeof(event.name), args->name);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	bpf_map_delete_elem(&start, &thread);
	return 0;
}

#ifdef __TARGET_ARCH_x86
SEC("tracepoint/syscalls/sys_enter_open")
int enter_open(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[0], (int)ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_exit_open")
int exit_open(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx, (int)ctx->ret);
}
#endif

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[1], (int)ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx, (int)ctx->ret);
}
