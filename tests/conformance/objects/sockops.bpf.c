#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} established SEC(".maps");

SEC("tp/syscalls/sys_enter_connect")
int tp_connect(void *ctx)
{
	return 0;
}

SEC("sockops")
int count_connections(struct bpf_sock_ops *ops)
{
	__u32 key = 0, *count = bpf_map_lookup_elem(&established, &key);

	if (count && ops->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		*count += 1;
	return 1;
}
