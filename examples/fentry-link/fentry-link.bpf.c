// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/// @brief Shows files that are removed, and those that cannot be, when a function of the kernel returns.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/// @cmdarg {"long": "failed", "short": "x", "help": "only what could not be removed"}
const volatile bool failed_only = false;

struct event {
	__u32 pid;
	char comm[16];
	int ret;
	__u64 took;
	char path[128];
};

/// @decode {"ret": "errno", "took": "duration_ns"}
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct call {
	__u64 begun;
	char path[128];
};

/* By thread, from fentry to fexit. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

static int begin(struct filename *name)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct call call = {};

	/* The types of the arguments are known to the verifier: no BPF_CORE_READ. The name is read here, the function frees it. */
	bpf_probe_read_kernel_str(call.path, sizeof(call.path), name->name);
	call.begun = bpf_ktime_get_ns();
	bpf_map_update_elem(&calls, &tid, &call, BPF_ANY);
	return 0;
}

static int end(int ret)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct call *call = bpf_map_lookup_elem(&calls, &tid);
	struct event *event;

	if (!call)
		return 0;
	if (ret || !failed_only) {
		event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
		if (event) {
			event->pid = id >> 32;
			bpf_get_current_comm(event->comm, sizeof(event->comm));
			event->ret = ret;
			event->took = bpf_ktime_get_ns() - call->begun;
			__builtin_memcpy(event->path, call->path, sizeof(event->path));
			bpf_ringbuf_submit(event, 0);
		}
	}
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}

/* Until Linux 7 the function was called do_unlinkat. fexit has the arguments beside the result. */
/// @alternative begin
SEC("fentry/filename_unlinkat")
int BPF_PROG(begin_new, int dfd, struct filename *name)
{
	return begin(name);
}

/// @alternative begin
SEC("fentry/do_unlinkat")
int BPF_PROG(begin_old, int dfd, struct filename *name)
{
	return begin(name);
}

/// @alternative end
SEC("fexit/filename_unlinkat")
int BPF_PROG(end_new, int dfd, struct filename *name, int ret)
{
	return end(ret);
}

/// @alternative end
SEC("fexit/do_unlinkat")
int BPF_PROG(end_old, int dfd, struct filename *name, int ret)
{
	return end(ret);
}
