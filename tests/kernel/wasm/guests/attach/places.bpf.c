#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

__u64 raw, typed, packets, sent, called;

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, int);
	__type(value, int);
} signals SEC(".maps");

SEC("raw_tp/sys_enter")
int on_raw(void *ctx)
{
	raw++;
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_typed)
{
	typed++;
	return 0;
}

SEC("xdp")
int on_packet(struct xdp_md *ctx)
{
	packets++;
	return XDP_PASS;
}

SEC("cgroup_skb/egress")
int on_sent(struct __sk_buff *skb)
{
	sent++;
	return 1;
}

SEC("uprobe")
int on_call(void *ctx)
{
	called++;
	return 0;
}

SEC("tp/syscalls/sys_enter_kill")
int on_kill(struct trace_event_raw_sys_enter *ctx)
{
	__u64 number = ctx->args[1];

	if (number > 100000)
		bpf_perf_event_output(ctx, &signals, BPF_F_CURRENT_CPU, &number, sizeof(number));
	return 0;
}
