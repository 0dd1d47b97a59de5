#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8);
    __type(key, u32);
    __type(value, u64);
} counts SEC(".maps");


SEC("raw_tp/sched_switch")
int uses_what_was_not_found(void *ctx) {
    u32 key = 1;
    u64 *count = bpf_map_lookup_elem(&counts, &key);
    *count += 1; /* here */
    return 0;
}
