// A sampled histogram in a hash of structs, behind the section names of older sources.
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define MAX_SLOTS 26

struct hist {
    __u32 slots[MAX_SLOTS];
    char comm[16];
};

static struct hist zero;

/// @sample {"interval": 1000, "type" : "log2_hist"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, u32);
    __type(value, struct hist);
} hists SEC(".maps");

SEC("raw_tp/sched_switch")
int BPF_PROG(handle_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next) {
    u32 key = -1, slot = bpf_get_prandom_u32() & 7;
    struct hist *histp = bpf_map_lookup_elem(&hists, &key);

    if (!histp) {
        bpf_map_update_elem(&hists, &key, &zero, BPF_NOEXIST);
        histp = bpf_map_lookup_elem(&hists, &key);
        if (!histp)
            return 0;
        BPF_CORE_READ_STR_INTO(&histp->comm, next, comm);
    }
    if (slot < MAX_SLOTS)
        __sync_fetch_and_add(&histp->slots[slot], 1);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
