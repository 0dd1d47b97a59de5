// SPDX-License-Identifier: MIT
#include "../include/eunomia/hist.h"

/// @cmdarg {"long": "dist", "short": "d", "help": "show the distribution of the time as histograms"}
const volatile bool dist = false;
/// @cmdarg {"long": "nanoseconds", "short": "N", "help": "histograms in nanoseconds"}
const volatile bool nanoseconds = false;
/// @cmdarg {"default": -1, "long": "cpu", "short": "c", "help": "trace this CPU only (-1: all)"}
const volatile int target_cpu = -1;

#define NAME_LEN 32
#define MAX_HANDLERS 256

struct handler {
    char hardirq[NAME_LEN];
};
struct total {
    __u64 count;
    __u64 time;
};

/// @sample {"interval": 1000, "clear_map": true}
/// @decode {"time": "duration_ns"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_HANDLERS);
    __type(key, struct handler);
    __type(value, struct total);
} totals SEC(".maps");

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "usecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_HANDLERS);
    __type(key, struct handler);
    __type(value, struct hist);
} dist_us SEC(".maps");

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "nsecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_HANDLERS);
    __type(key, struct handler);
    __type(value, struct hist);
} dist_ns SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} starts SEC(".maps");

static struct hist empty;

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(irq_handler_entry, int irq, struct irqaction *action) {
    __u32 zero = 0;
    __u64 *start = bpf_map_lookup_elem(&starts, &zero);

    if (start && (target_cpu < 0 || target_cpu == bpf_get_smp_processor_id()))
        *start = bpf_ktime_get_ns();
    return 0;
}

static __always_inline void count_dist(void *map, const struct handler *handler, __u64 took) {
    struct hist *hist = bpf_map_lookup_elem(map, handler);

    if (!hist) {
        bpf_map_update_elem(map, handler, &empty, BPF_NOEXIST);
        hist = bpf_map_lookup_elem(map, handler);
    }
    if (hist)
        hist_count(hist, took);
}

static __always_inline void count_total(const struct handler *handler, __u64 took) {
    struct total *total = bpf_map_lookup_elem(&totals, handler), fresh = {};

    if (!total) {
        bpf_map_update_elem(&totals, handler, &fresh, BPF_NOEXIST);
        total = bpf_map_lookup_elem(&totals, handler);
    }
    if (total) {
        __sync_fetch_and_add(&total->count, 1);
        __sync_fetch_and_add(&total->time, took);
    }
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(irq_handler_exit, int irq, struct irqaction *action, int ret) {
    struct handler handler = {};
    __u32 zero = 0;
    __u64 *start = bpf_map_lookup_elem(&starts, &zero), took;

    if (!start || !*start)
        return 0;
    took = bpf_ktime_get_ns() - *start;
    *start = 0;
    bpf_core_read_str(handler.hardirq, sizeof(handler.hardirq), action->name);
    if (!dist)
        count_total(&handler, took);
    else if (nanoseconds)
        count_dist(&dist_ns, &handler, took);
    else
        count_dist(&dist_us, &handler, took / 1000);
    return 0;
}

/// @brief Sum up the time in interrupt handlers, by name
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
