// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define PF_KTHREAD 0x00200000

/// @brief Lists the processes that there are, as ps(1) does, without /proc.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

/// @cmdarg {"long": "kernel", "short": "k", "help": "the kernel's own threads too"}
const volatile bool with_kernel = false;
/// @cmdarg {"long": "parent", "short": "P", "help": "only children of this process"}
const volatile pid_t parent = 0;

/* Called for each thread, and at the end once more with NULL. What it writes into `seq` is what the reader reads. */
SEC("iter/task")
int list(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;

	if (!ctx->meta->seq_num && task)
		BPF_SEQ_PRINTF(seq, "%-8s %-8s %-8s %s\n", "PID", "PPID", "THREADS", "COMM");
	if (!task || task->pid != task->tgid || (task->flags & PF_KTHREAD && !with_kernel))
		return 0;
	if (parent && task->real_parent->tgid != parent)
		return 0;
	BPF_SEQ_PRINTF(seq, "%-8d %-8d %-8d %s\n", task->tgid, task->real_parent->tgid, task->signal->nr_threads, task->comm);
	return 0;
}
