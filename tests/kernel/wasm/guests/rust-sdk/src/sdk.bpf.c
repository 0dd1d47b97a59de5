// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct key {
	__u32 number;
	char letter;
};
struct pair {
	__u64 first;
	void *second;
};
struct event {
	__u32 pid;
	__u8 kind : 3;
	__u8 rest : 5;
	union {
		__u64 whole;
		__u32 halves[2];
	};
	long value;
	char comm[16];
};

const volatile __u32 wanted_pid = 0;
const volatile struct pair preset = {};
int counted = 5;
__u64 seen;
bool enabled;

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } first SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } second SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct key);
	__type(value, struct pair);
} pairs SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} percpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 4); __type(value, __u32); } queue SEC(".maps");

SEC("tp/syscalls/sys_enter_getpriority")
int on_call(void *ctx)
{
	struct event event = { .kind = 5, .rest = 21, .whole = 0x100000002, .value = -3 };
	__u32 zero = 0, *count;

	event.pid = bpf_get_current_pid_tgid() >> 32;
	if (wanted_pid && wanted_pid != event.pid)
		return 0;
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_ringbuf_output(&first, &event, sizeof(event), 0);
	event.value = preset.first;
	bpf_ringbuf_output(&second, &event, sizeof(event), 0);
	if (enabled)
		bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &event, sizeof(event));
	count = bpf_map_lookup_elem(&percpu, &zero);
	if (count)
		(*count)++;
	__sync_fetch_and_add(&seen, counted);
	return 0;
}

SEC("socket")
int length(struct __sk_buff *skb)
{
	return skb->len;
}

SEC("tp/no/such")
int never(void *ctx)
{
	return 0;
}
