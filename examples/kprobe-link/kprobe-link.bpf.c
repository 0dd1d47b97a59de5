// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/// @brief Shows files that are removed, and those that cannot be, at a function of the kernel.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/// @cmdarg {"long": "failed", "short": "x", "help": "only what could not be removed"}
const volatile bool failed_only = false;

struct event {
	__u32 pid;
	char comm[16];
	int ret;
	char path[128];
};

/// @decode {"ret": "errno"}
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* The argument is in a register when the function begins, and gone when it returns: by thread, it is kept until then. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct event);
} removals SEC(".maps");

static int begin(struct filename *name)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct event event = {.pid = id >> 32};
	__u32 tid = id;

	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_probe_read_kernel_str(event.path, sizeof(event.path), BPF_CORE_READ(name, name));
	bpf_map_update_elem(&removals, &tid, &event, BPF_ANY);
	return 0;
}

static int end(long ret)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct event *event = bpf_map_lookup_elem(&removals, &tid);

	if (!event)
		return 0;
	event->ret = ret;
	if (ret || !failed_only)
		bpf_ringbuf_output(&events, event, sizeof(*event), 0);
	bpf_map_delete_elem(&removals, &tid);
	return 0;
}

/* Functions of the kernel are no interface: this one was called do_unlinkat until Linux 7. Of the programs with one
 * @alternative the first that this kernel can take is attached. */
/// @alternative begin
SEC("kprobe/filename_unlinkat")
int BPF_KPROBE(begin_new, int dfd, struct filename *name)
{
	return begin(name);
}

/// @alternative begin
SEC("kprobe/do_unlinkat")
int BPF_KPROBE(begin_old, int dfd, struct filename *name)
{
	return begin(name);
}

/// @alternative end
SEC("kretprobe/filename_unlinkat")
int BPF_KRETPROBE(end_new, long ret)
{
	return end(ret);
}

/// @alternative end
SEC("kretprobe/do_unlinkat")
int BPF_KRETPROBE(end_old, long ret)
{
	return end(ret);
}
