// SPDX-License-Identifier: MIT
#include "../include/eunomia/hist.h"

/// @cmdarg {"long": "dist", "short": "d", "help": "show the distribution of the time as histograms"}
const volatile bool dist = false;
/// @cmdarg {"long": "nanoseconds", "short": "N", "help": "histograms in nanoseconds"}
const volatile bool nanoseconds = false;
/// @cmdarg {"default": -1, "long": "cpu", "short": "c", "help": "trace this CPU only (-1: all)"}
const volatile int target_cpu = -1;

#define NR_SOFTIRQS 10

struct vector {
    __u32 softirq;
};
struct total {
    __u64 count;
    __u64 time;
};

/// @sample {"interval": 1000, "clear_map": true}
/// @decode {"softirq": "softirq", "time": "duration_ns"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, NR_SOFTIRQS);
    __type(key, struct vector);
    __type(value, struct total);
} totals SEC(".maps");

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "usecs", "clear_map": true}
/// @decode {"softirq": "softirq"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, NR_SOFTIRQS);
    __type(key, struct vector);
    __type(value, struct hist);
} dist_us SEC(".maps");

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "nsecs", "clear_map": true}
/// @decode {"softirq": "softirq"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, NR_SOFTIRQS);
    __type(key, struct vector);
    __type(value, struct hist);
} dist_ns SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, NR_SOFTIRQS);
    __type(key, __u32);
    __type(value, __u64);
} starts SEC(".maps");

static struct hist empty;

SEC("tp_btf/softirq_entry")
int BPF_PROG(softirq_entry, unsigned int number) {
    __u64 *start = bpf_map_lookup_elem(&starts, &number);

    if (start && (target_cpu < 0 || target_cpu == bpf_get_smp_processor_id()))
        *start = bpf_ktime_get_ns();
    return 0;
}

static __always_inline void count_dist(void *map, const struct vector *vector, __u64 took) {
    struct hist *hist = bpf_map_lookup_elem(map, vector);

    if (!hist) {
        bpf_map_update_elem(map, vector, &empty, BPF_NOEXIST);
        hist = bpf_map_lookup_elem(map, vector);
    }
    if (hist)
        hist_count(hist, took);
}

static __always_inline void count_total(const struct vector *vector, __u64 took) {
    struct total *total = bpf_map_lookup_elem(&totals, vector), fresh = {};

    if (!total) {
        bpf_map_update_elem(&totals, vector, &fresh, BPF_NOEXIST);
        total = bpf_map_lookup_elem(&totals, vector);
    }
    if (total) {
        __sync_fetch_and_add(&total->count, 1);
        __sync_fetch_and_add(&total->time, took);
    }
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(softirq_exit, unsigned int number) {
    __u64 *start = bpf_map_lookup_elem(&starts, &number), took;
    struct vector vector = {number};

    if (!start || !*start)
        return 0;
    took = bpf_ktime_get_ns() - *start;
    *start = 0;
    if (!dist)
        count_total(&vector, took);
    else if (nanoseconds)
        count_dist(&dist_ns, &vector, took);
    else
        count_dist(&dist_us, &vector, took / 1000);
    return 0;
}

/// @brief Sum up the time in soft interrupts, by kind
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
