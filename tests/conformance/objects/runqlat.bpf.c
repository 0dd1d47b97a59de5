#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define MAX_SLOTS 26
#define TASK_RUNNING 0
const volatile bool per_process = false;
const volatile bool microseconds = true;

struct hist { /* 120 bytes */
	__u32 slots[MAX_SLOTS];
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} cgroup_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} start SEC(".maps");

static struct hist zero;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct hist);
} hists SEC(".maps");

static int queued(__u32 tgid, __u32 pid)
{
	__u64 now = bpf_ktime_get_ns();

	if (pid)
		bpf_map_update_elem(&start, &pid, &now, 0);
	return 0;
}

static unsigned log2(__u64 value)
{
	unsigned slot = 0;

	for (int step = 0; step < MAX_SLOTS - 1; step++)
		if (value >> step > 1)
			slot = step + 1;
	return slot;
}

static int switched(struct task_struct *previous, struct task_struct *next)
{
	__u32 pid = BPF_CORE_READ(next, pid), key = 0, slot;
	__u64 *begun, waited;
	struct hist *hist;

	if (BPF_CORE_READ(previous, __state) == TASK_RUNNING)
		queued(BPF_CORE_READ(previous, tgid), BPF_CORE_READ(previous, pid));
	begun = bpf_map_lookup_elem(&start, &pid);
	if (!begun)
		return 0;
	waited = bpf_ktime_get_ns() - *begun;
	bpf_map_delete_elem(&start, &pid);
	if (per_process)
		key = BPF_CORE_READ(next, tgid);
	hist = bpf_map_lookup_elem(&hists, &key);
	if (!hist) {
		bpf_map_update_elem(&hists, &key, &zero, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&hists, &key);
		if (!hist)
			return 0;
		bpf_probe_read_kernel_str(hist->comm, sizeof(hist->comm), next->comm);
	}
	slot = log2(waited / (microseconds ? 1000 : 1000000));
	if (slot < MAX_SLOTS)
		__sync_fetch_and_add(&hist->slots[slot], 1);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	return queued(task->tgid, task->pid);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *task)
{
	return queued(task->tgid, task->pid);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *previous, struct task_struct *next)
{
	return switched(previous, next);
}
