#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

const volatile int wanted = 0;

struct event {
	int what;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} rb SEC(".maps");

SEC("tp/sched/sched_switch")
int handle_exec(void *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&rb, sizeof(*event), 0);

	if (!event)
		return 0;
	event->what = wanted;
	__builtin_memcpy(event->comm, "true", 5);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
