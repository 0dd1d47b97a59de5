#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "@NAME@.h"

/// Shows how long system calls take, as a histogram.
char LICENSE[] SEC("license") = "GPL";

/// @cmdarg {"long": "pid", "short": "p", "help": "only this process ID"}
const volatile unsigned int target_pid = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} start SEC(".maps");

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "usecs", "clear_map": true}
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hist);
} hists SEC(".maps");

static struct hist no_hist;

static __always_inline unsigned int log2_of(__u64 value)
{
	unsigned int result = 0;

	for (int shift = 32; shift; shift /= 2)
		if (value >> shift) {
			value >>= shift;
			result += shift;
		}
	return result;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int on_enter(struct trace_event_raw_sys_enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();
	__u32 tid = id;

	if (target_pid && id >> 32 != target_pid)
		return 0;
	bpf_map_update_elem(&start, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int on_exit(struct trace_event_raw_sys_exit *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid(), all = 0, slot;
	__u64 *begun = bpf_map_lookup_elem(&start, &tid);
	struct hist *hist;

	if (!begun)
		return 0;
	slot = log2_of((bpf_ktime_get_ns() - *begun) / 1000);
	bpf_map_delete_elem(&start, &tid);
	hist = bpf_map_lookup_elem(&hists, &all);
	if (!hist) {
		bpf_map_update_elem(&hists, &all, &no_hist, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&hists, &all);
		if (!hist)
			return 0;
	}
	if (slot >= MAX_SLOTS)
		slot = MAX_SLOTS - 1;
	__sync_fetch_and_add(&hist->slots[slot], 1);
	return 0;
}
