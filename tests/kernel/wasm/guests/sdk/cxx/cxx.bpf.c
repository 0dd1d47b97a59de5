#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
	long number;
	char comm[16];
};
long number = 9;
long counted;

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

SEC("tp/sched/sched_switch")
int on_switch(void *ctx)
{
	struct event event = {number, "true"};

	/* before the buffers are open there is nowhere to put it */
	if (counted < 4 && !bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event)))
		__sync_fetch_and_add(&counted, 1);
	return 0;
}
