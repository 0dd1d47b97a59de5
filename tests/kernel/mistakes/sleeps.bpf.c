#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

char buffer[16];

SEC("raw_tp/sched_switch")
int waits_where_it_must_not(void *ctx) {
    bpf_copy_from_user(buffer, sizeof(buffer), ctx); /* here */
    return 0;
}
