#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "@NAME@.h"

/// Prints every line that is typed into a bash.
char LICENSE[] SEC("license") = "GPL";

/// @cmdarg {"long": "pid", "short": "p", "help": "only this process ID"}
const volatile unsigned int target_pid = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("uretprobe//bin/bash:readline")
int BPF_KRETPROBE(on_readline, const void *line)
{
	unsigned int pid = bpf_get_current_pid_tgid() >> 32;
	struct event *event;

	if (!line || (target_pid && pid != target_pid))
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = pid;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_user_str(event->line, sizeof(event->line), line);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
