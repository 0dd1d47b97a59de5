#include "hits.h"

/* Functions of which errors can be injected may sleep: the entries of system calls, where the kernel was built so. */
/// @alternative fsync
SEC("fentry.s/__x64_sys_fsync")
int BPF_PROG(x86, struct pt_regs *regs)
{
	hit_ours();
	return 0;
}

/// @alternative fsync
SEC("fentry.s/__arm64_sys_fsync")
int BPF_PROG(arm64, struct pt_regs *regs)
{
	hit_ours();
	return 0;
}
