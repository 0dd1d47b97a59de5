#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tp/syscalls/sys_enter_kill")
int reads_anywhere(void *ctx)
{
	return *(int *)(0x1234 + bpf_ktime_get_ns());
}
