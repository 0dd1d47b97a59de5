#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct table {
    u64 cells[8];
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct table);
} tables SEC(".maps");


u64 seen;

SEC("raw_tp/sched_switch")
int reads_past_a_value(void *ctx) {
    u32 key = 0, index = bpf_get_prandom_u32() & 15;
    struct table *table = bpf_map_lookup_elem(&tables, &key);
    if (table)
        seen = table->cells[index]; /* here */
    return 0;
}
