#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Proprietary";

SEC("raw_tp/sched_switch")
int calls_a_helper_for_gpl(void *ctx) {
    bpf_printk("switch"); /* here */
    return 0;
}
