/* Start with one CO-RE read: the parent of the sender. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "fill.h"

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(struct trace_event_raw_sys_enter *ctx) {
    struct task_struct *task = (void *)bpf_get_current_task();

    return report(BPF_CORE_READ(task, real_parent, tgid), ctx->args[1]);
}

char LICENSE[] SEC("license") = "GPL";
