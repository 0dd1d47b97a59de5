#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "@NAME@.h"

/// Prints every file that is removed.
char LICENSE[] SEC("license") = "GPL";

/// @cmdarg {"long": "pid", "short": "p", "help": "only this process ID"}
const volatile unsigned int target_pid = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

static int on_unlink(int dfd, struct filename *name)
{
	unsigned int pid = bpf_get_current_pid_tgid() >> 32;
	struct event *event;

	if (target_pid && pid != target_pid)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = pid;
	event->dfd = dfd;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->name, sizeof(event->name), BPF_CORE_READ(name, name));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* The function is called filename_unlinkat since Linux 7: of these two, the first that the kernel has is attached. */
/// @alternative unlink
SEC("kprobe/filename_unlinkat")
int BPF_KPROBE(unlink_new, int dfd, struct filename *name)
{
	return on_unlink(dfd, name);
}

/// @alternative unlink
SEC("kprobe/do_unlinkat")
int BPF_KPROBE(unlink_old, int dfd, struct filename *name)
{
	return on_unlink(dfd, name);
}
