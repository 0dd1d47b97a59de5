#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

u64 seen;

static __noinline int second(u32 index) {
    volatile char space[300];
    for (int i = 0; i < 300; i++)
        space[i] = i;
    seen += space[7];
    return 0;
}

SEC("tc")
int takes_too_much_stack(struct __sk_buff *skb) {
    volatile char space[300];
    for (int i = 0; i < 300; i++)
        space[i] = i;
    second(1);
    seen += space[9];
    return 0;
}
