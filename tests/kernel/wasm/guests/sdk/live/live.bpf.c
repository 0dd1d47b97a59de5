#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "live.h"

char LICENSE[] SEC("license") = "GPL";

const volatile int limit = 7;
long number = 1000000000000L;
long counted;
long written;
long stop_at;
int my_pid;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, long);
} table SEC(".maps");

/* Called by the guest alone: what a real event would do, but not how often, nor on two processors at once. */
SEC("raw_tp/sys_enter")
int make_records(void *ctx)
{
	struct event *event;

	if (stop_at <= 0 || bpf_get_current_pid_tgid() >> 32 != my_pid)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->number = stop_at--;
	event->limit = limit;
	event->data = number;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tp/sched/sched_process_exec")
int on_exec(void *ctx)
{
	return 0;
}

SEC("tp/raw_syscalls/sys_enter")
int count(void *ctx)
{
	__sync_fetch_and_add(&counted, 1);
	return 0;
}

SEC("kprobe/nowhere_to_be_found")
int off(void *ctx)
{
	return 0;
}
