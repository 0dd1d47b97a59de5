#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct cell {
    struct bpf_spin_lock guard;
    u64 count;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct cell);
} cells SEC(".maps");

SEC("tc")
int calls_under_a_lock(struct __sk_buff *skb) {
    u32 key = 0;
    struct cell *cell = bpf_map_lookup_elem(&cells, &key);
    if (!cell)
        return 0;
    bpf_spin_lock(&cell->guard);
    cell->count += bpf_ktime_get_ns(); /* here */
    bpf_spin_unlock(&cell->guard);
    return 0;
}
