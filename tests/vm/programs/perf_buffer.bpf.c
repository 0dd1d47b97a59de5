#include "hits.h"

struct event {
	__u32 pid, number;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

SEC("tp/syscalls/sys_enter_fsync")
int handle(struct trace_event_raw_sys_enter *ctx)
{
	struct event event = {pid, 7302};

	if (is_ours())
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}
