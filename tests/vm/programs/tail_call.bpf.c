#include "hits.h"

/// @prog_array ["called"]
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("tp/syscalls/sys_enter_fsync")
int handle(void *ctx)
{
	bpf_tail_call(ctx, &next, 0);
	return 0;
}

SEC("tp/syscalls/sys_enter_fsync")
int called(void *ctx)
{
	hit_ours();
	return 0;
}
