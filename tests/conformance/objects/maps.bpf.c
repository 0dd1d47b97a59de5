#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define MAP(name, kind, entries, k, v) \
	struct { __uint(type, kind); __uint(max_entries, entries); __type(key, k); __type(value, v); } name SEC(".maps")
#define KEYLESS(name, kind, entries, v) \
	struct { __uint(type, kind); __uint(max_entries, entries); __type(value, v); } name SEC(".maps")
struct lpm_key {
	__u32 length;
	__u8 address[4];
};
struct odd {
	__u8 bytes[13];
};

MAP(hash, BPF_MAP_TYPE_HASH, 4, __u32, __u64);
MAP(array, BPF_MAP_TYPE_ARRAY, 4, __u32, __u64);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, 64, __u32, __u64);
MAP(cpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 4, __u32, __u32);
MAP(cpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 2, __u32, struct odd);
KEYLESS(queue, BPF_MAP_TYPE_QUEUE, 4, __u32);
KEYLESS(stack, BPF_MAP_TYPE_STACK, 4, __u32);
KEYLESS(bloom, BPF_MAP_TYPE_BLOOM_FILTER, 16, __u32);

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lpm_key);
	__type(value, __u32);
} trie SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
};
struct inner inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {};

/* What is in them is seen by the kernel side too. */
SEC("tp/syscalls/sys_enter_kill")
int touch(void *ctx)
{
	__u32 key = 1;
	__u64 *value = bpf_map_lookup_elem(&array, &key);
	__u32 *here = bpf_map_lookup_elem(&cpu_hash, &key);

	if (here)
		*here += 1;
	return value ? (int)*value : 0;
}
