#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static void count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

/* The path is one from where the host was started. */
SEC("uprobe/./target:probed")
int entered(void *ctx)
{
	count(0);
	return 0;
}

SEC("uretprobe/./target:probed")
int left(void *ctx)
{
	count(1);
	return 0;
}
