// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* The least that a program needs: a section, which says where it attaches, and a licence, which the kernel wants to know
 * before it lends out helpers like bpf_printk. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tp/sched/sched_process_exec")
int on_exec(void *ctx)
{
	char comm[16];

	bpf_get_current_comm(comm, sizeof(comm));
	bpf_printk("process %d is %s now", bpf_get_current_pid_tgid() >> 32, comm);
	return 0;
}
