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

extern int LINUX_KERNEL_VERSION __kconfig;
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
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK); __uint(max_entries, 4); __type(value, __u64); } stack SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} calls SEC(".maps");
struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} inside SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps");
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
	event.value = LINUX_KERNEL_VERSION > 0 ? preset.first : 0;
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

__u64 hits[4];

SEC("socket")
int called(struct __sk_buff *skb)
{
	__u32 key = 7, zero = 0;
	void *map = bpf_map_lookup_elem(&outer, &key);
	__u64 *value = map ? bpf_map_lookup_elem(map, &zero) : 0;

	return value ? *value : 0;
}

SEC("socket")
int caller(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &calls, 1);
	return 1;
}

SEC("xdp")
int packet(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&hits[0], 1);
	return XDP_PASS;
}

SEC("cgroup_skb/egress")
int leaving(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&hits[1], 1);
	return 1;
}

SEC("tp")
int anywhere(void *ctx)
{
	__sync_fetch_and_add(&hits[2], 1);
	return 0;
}

SEC("perf_event")
int sample(void *ctx)
{
	__sync_fetch_and_add(&hits[3], 1);
	return 0;
}

SEC("tp/no/such")
int never(void *ctx)
{
	return 0;
}
