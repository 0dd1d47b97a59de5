#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

static long (*helper_of_the_future)(void) = (void *)9999;
long seen;

SEC("raw_tp/sched_switch")
int calls_what_is_not_there(void *ctx) {
    seen = helper_of_the_future(); /* here */
    return 0;
}
