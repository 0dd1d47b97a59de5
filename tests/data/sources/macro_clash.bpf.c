/* Its own macros and functions have the names that the forced header uses. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct event { int pid; };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static int (*bpf_ringbuf_submit_dynptr2)(void) = 0;
static long my_output(void *data, int size) { return bpf_ringbuf_output(&events, data, size, 0); }
static long bpf_skb_output2(void) { return 0; }
#undef bpf_ringbuf_reserve
#define bpf_ringbuf_reserve(size) (bpf_ringbuf_reserve)(&events, size, 0)
static long bpf_dynptr_write(int one) { return one; }

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(void *ctx)
{
	struct event *event = bpf_ringbuf_reserve(sizeof(*event));

	if (!event)
		return bpf_dynptr_write(0);
	event->pid = 1;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
