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
int gives_a_number_for_a_key(void *ctx) {
    bpf_map_delete_elem(&counts, (void *)7); /* here */
    return 0;
}
