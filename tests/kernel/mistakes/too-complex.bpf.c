#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 seen;

/* Each round doubles what is to be looked at. */
SEC("raw_tp/sched_switch")
int branches_too_often(void *ctx) {
    u64 sum = 0;
    for (u32 i = 0; i < 20000; i++)
        if (bpf_get_prandom_u32() & 1)
            asm volatile("%0 += 1;" : "+r"(sum)); /* a branch, which cannot be computed away */
    seen = sum;
    return 0;
}
