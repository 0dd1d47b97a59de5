#include "hits.h"

/* Another program's function, which is traced. */
SEC("?tp/syscalls/sys_enter_fsync")
int base(void *ctx)
{
	return 0;
}

SEC("fentry/base")
int BPF_PROG(handle)
{
	hit_ours();
	return 0;
}
