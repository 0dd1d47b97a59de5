// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "runqlat.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile bool by_process = false;
const volatile int wanted_pid = 0;

/* When threads became runnable. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct hist);
} hists SEC(".maps");

static const struct hist empty;

static int runnable(const struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = task->pid;

	if (!tid || (wanted_pid && wanted_pid != task->tgid))
		return 0;
	bpf_map_update_elem(&started, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	return runnable(task);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
	return runnable(task);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 tid = next->pid, key = by_process ? next->tgid : 0, slot = 0;
	__u64 *begun, waited;
	struct hist *hist;

	if (prev->__state == 0) /* it was preempted: it is runnable still */
		runnable(prev);
	begun = bpf_map_lookup_elem(&started, &tid);
	if (!begun)
		return 0;
	waited = (bpf_ktime_get_ns() - *begun) / 1000;
	bpf_map_delete_elem(&started, &tid);
	hist = bpf_map_lookup_elem(&hists, &key);
	if (!hist) {
		bpf_map_update_elem(&hists, &key, &empty, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&hists, &key);
		if (!hist)
			return 0;
		BPF_CORE_READ_STR_INTO(&hist->comm, next, comm);
	}
	while (waited > 1 && slot < SLOTS - 1) {
		waited >>= 1;
		slot++;
	}
	if (slot < SLOTS)
		__sync_fetch_and_add(&hist->slots[slot], 1);
	return 0;
}
