#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

long left;
int my_pid;

struct shown {
	long first;
	int second;
} unused;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps"), others SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} samples SEC(".maps");

SEC("raw_tp/sys_enter")
int make_records(void *ctx)
{
	long number = left;

	if (number <= 0 || bpf_get_current_pid_tgid() >> 32 != my_pid)
		return 0;
	bpf_ringbuf_output(&events, &number, sizeof(number), 0);
	bpf_ringbuf_output(&others, &number, sizeof(number), 0);
	bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &number, sizeof(number));
	left = number - 1;
	return 0;
}

SEC("netfilter")
int pass(struct bpf_nf_ctx *ctx)
{
	return 1;
}
