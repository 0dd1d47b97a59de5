/* Start with tp_btf: libbpf has to find the tracepoint's type in the kernel's BTF. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "fill.h"

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int result) {
    return report(task->tgid, sig);
}

char LICENSE[] SEC("license") = "GPL";
