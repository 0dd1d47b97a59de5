/* What every program of the matrix begins with: a counter that the test reads, of all runs or of one process's only. */
#ifndef HITS_H
#define HITS_H
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";
const volatile __u32 pid = 0; /* of the process that provokes it */
__u64 hits = 0;

static __always_inline void hit(void)
{
	__sync_fetch_and_add(&hits, 1);
}

static __always_inline bool is_ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == pid;
}

/* Where other processes come by as well. */
static __always_inline void hit_ours(void)
{
	if (is_ours())
		hit();
}
#endif
