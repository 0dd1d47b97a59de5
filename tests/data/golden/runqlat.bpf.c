#include "shapes.h"
struct hist { __u32 slots[26]; char comm[16]; };
const volatile bool filter_cg = 0;
const volatile bool targ_per_process = 0;
const volatile bool targ_per_thread = 0;
const volatile bool targ_per_pidns = 0;
const volatile bool targ_ms = 0;
const volatile pid_t targ_tgid = 0;
struct { __uint(type, CGROUP_ARRAY); __type(key, __u32); __type(value, __u32); __uint(max_entries, 1); } cgroup_map SEC(".maps");
HASH_MAP(start, __u32, __u64);
static struct hist zero;
HASH_MAP(hists, __u32, struct hist);
EXPORT(hist);
PROG("raw_tp/sched_wakeup", handle_sched_wakeup) {
    __u32 key = 0;
    if (bpf_map_lookup_elem(&cgroup_map, &key) || bpf_map_lookup_elem(&start, &key)) return 1; /* clang places maps by first use */
    return filter_cg + targ_per_process + targ_per_thread; }
PROG("raw_tp/sched_wakeup_new", handle_sched_wakeup_new) { return targ_per_pidns + targ_ms + targ_tgid; }
PROG("raw_tp/sched_switch", handle_sched_switch) { __u32 key = zero.slots[1]; return (long)bpf_map_lookup_elem(&hists, &key); }
