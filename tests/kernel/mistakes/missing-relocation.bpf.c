#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct task_struct___other {
    int no_kernel_has_this;
} __attribute__((preserve_access_index));
int seen;

SEC("raw_tp/sched_switch")
int lacks_a_field(void *ctx) {
    struct task_struct___other *task = (void *)bpf_get_current_task();
    seen = BPF_CORE_READ(task, no_kernel_has_this); /* here */
    return 0;
}
