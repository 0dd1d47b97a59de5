#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u32);
} groups SEC(".maps");

SEC("raw_tp/sched_switch")
int looks_up_what_cannot_be_looked_up(void *ctx) {
    u32 key = 0;
    return bpf_map_lookup_elem(&groups, &key) != 0; /* here */
}
