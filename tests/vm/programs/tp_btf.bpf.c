#include "hits.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(handle, struct task_struct *parent, struct task_struct *child)
{
	if (parent->tgid == (int)pid && child->pid)
		hit();
	return 0;
}
