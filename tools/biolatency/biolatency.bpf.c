// SPDX-License-Identifier: MIT
#include "../include/eunomia/block.h"
#include "../include/eunomia/hist.h"

/// @cmdarg {"long": "queued", "short": "Q", "help": "include the time in the operating system's queue"}
const volatile bool include_queued = false;
/// @cmdarg {"long": "milliseconds", "short": "m", "help": "histogram in milliseconds"}
const volatile bool milliseconds = false;
/// @cmdarg {"long": "disks", "short": "D", "help": "a histogram for each disk"}
const volatile bool per_disk = false;
/// @cmdarg {"long": "flags", "short": "F", "help": "a histogram for each set of I/O flags"}
const volatile bool per_flags = false;
/// @cmdarg {"long": "disk", "short": "d", "help": "trace this disk only, e.g. vda"}
const volatile char disk[DISK_NAME_LEN] = "";

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "usecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct hist);
} total_us SEC(".maps");

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "msecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct hist);
} total_ms SEC(".maps");

struct kind {
    char disk[DISK_NAME_LEN];
    char flags[8];
};

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "usecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct kind);
    __type(value, struct hist);
} each_us SEC(".maps");

/// @sample {"interval": 1000, "type": "log2_hist", "unit": "msecs", "clear_map": true}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct kind);
    __type(value, struct hist);
} each_ms SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, struct request *);
    __type(value, __u64);
} starts SEC(".maps");

static struct hist empty;

/* A request that goes to the device without waiting in a queue is issued only: its time starts there. */
static __always_inline int start(struct request *rq, __u64 flags) {
    __u64 now = bpf_ktime_get_ns();

    bpf_map_update_elem(&starts, &rq, &now, flags);
    return 0;
}

SEC("raw_tp/block_rq_insert")
int rq_insert(__u64 *ctx) {
    return include_queued ? start(request_of(ctx), BPF_ANY) : 0;
}

SEC("raw_tp/block_rq_issue")
int rq_issue(__u64 *ctx) {
    return start(request_of(ctx), include_queued ? BPF_NOEXIST : BPF_ANY);
}

static __always_inline void count_each(void *map, const struct kind *kind, __u64 took) {
    struct hist *hist = bpf_map_lookup_elem(map, kind);

    if (!hist) {
        bpf_map_update_elem(map, kind, &empty, BPF_NOEXIST);
        hist = bpf_map_lookup_elem(map, kind);
    }
    if (hist)
        hist_count(hist, took);
}

static __always_inline void count_total(void *map, __u64 took) {
    __u32 zero = 0;
    struct hist *hist = bpf_map_lookup_elem(map, &zero);

    if (hist)
        hist_count(hist, took);
}

SEC("raw_tp/block_rq_complete")
int rq_complete(__u64 *ctx) {
    struct request *rq = (struct request *)ctx[0];
    __u64 *begin = bpf_map_lookup_elem(&starts, &rq), took;
    struct kind kind = {.disk = "all", .flags = "all"};

    if (!begin)
        return 0;
    took = (bpf_ktime_get_ns() - *begin) / (milliseconds ? 1000000 : 1000);
    bpf_map_delete_elem(&starts, &rq);
    if (per_disk || disk[0])
        request_disk_name(rq, kind.disk);
    if (disk[0] && !same_disk(kind.disk, disk))
        return 0;
    if (per_flags)
        request_letters(BPF_CORE_READ(rq, cmd_flags), kind.flags);
    if (per_disk || per_flags) {
        if (milliseconds)
            count_each(&each_ms, &kind, took);
        else
            count_each(&each_us, &kind, took);
    } else if (milliseconds) {
        count_total(&total_ms, took);
    } else {
        count_total(&total_us, took);
    }
    return 0;
}

/// @brief Show as histograms how long block device I/O takes
/// @details Flags (-F): R read, W write, D discard, F flush; then F forced unit access, A read-ahead, S synchronous, M metadata.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
