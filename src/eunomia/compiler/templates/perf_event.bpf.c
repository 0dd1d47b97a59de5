#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "@NAME@.h"

/// Prints the stacks that run, sampled 49 times a second on every CPU.
char LICENSE[] SEC("license") = "GPL";

/// @cmdarg {"long": "pid", "short": "p", "help": "only this process ID"}
const volatile unsigned int target_pid = 0;

/// @intepreter {"stack_trace": {"with_symbols": true}}
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} events SEC(".maps");

/// @perf_event {"type": "software", "config": "cpu_clock", "frequency": 49}
SEC("perf_event")
int on_sample(struct bpf_perf_event_data *ctx)
{
	unsigned int pid = bpf_get_current_pid_tgid() >> 32;
	struct event *event;

	if (!pid || (target_pid && pid != target_pid))
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = pid;
	event->cpu_id = bpf_get_smp_processor_id();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event->kstack_sz = bpf_get_stack(ctx, event->kstack, sizeof(event->kstack), 0);
	event->ustack_sz = bpf_get_stack(ctx, event->ustack, sizeof(event->ustack), BPF_F_USER_STACK);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
