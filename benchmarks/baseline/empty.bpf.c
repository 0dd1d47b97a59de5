/* What a program on this tracepoint costs the traced process before it does anything. */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/// Trace only this process, 0: all
const volatile int target_pid = 0;

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(void *ctx) { return 0; }

char LICENSE[] SEC("license") = "GPL";
