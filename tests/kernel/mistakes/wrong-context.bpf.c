#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 seen;

SEC("tp/syscalls/sys_enter_getppid")
int reads_past_its_context(void *ctx) {
    seen = ((volatile u64 *)ctx)[2000]; /* here */
    return 0;
}
