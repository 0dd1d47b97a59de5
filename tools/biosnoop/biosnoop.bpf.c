// SPDX-License-Identifier: MIT
#include "../include/eunomia/block.h"

/// @cmdarg {"long": "disk", "short": "d", "help": "trace this disk only, e.g. vda"}
const volatile char disk[DISK_NAME_LEN] = "";
/// @cmdarg {"long": "pid", "short": "p", "help": "trace I/O that this process ID started only"}
/// @filter pid
const volatile pid_t target_pid = 0;
/// @cmdarg {"long": "min-us", "short": "m", "help": "only I/O that took at least this many microseconds"}
/// @filter {"field": "lat_us", "op": ">="}
const volatile __u64 min_us = 0;

struct event {
    char comm[TASK_COMM_LEN];
    __u32 pid;
    char disk[16]; /* the first 15 letters: longer names are rare, a narrow column is not */
    char type[8];
    __u64 sector;
    __u32 bytes;
    __u64 queue_us; /* from the request's making to its issue to the device */
    __u64 lat_us;   /* from its issue to its end */
};

struct start {
    __u64 queued, issued;
    __u32 pid;
    char comm[TASK_COMM_LEN];
    __u32 bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, struct request *);
    __type(value, struct start);
} starts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* Whoever runs when a request is first seen is taken for its owner. That is right where block_io_start exists (6.5); before,
 * requests that a kernel thread inserts for others are shown as its own. */
static __always_inline void first_seen(struct request *rq) {
    __u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct start start = {.queued = bpf_ktime_get_ns(), .pid = pid};

    if (target_pid && target_pid != pid)
        return;
    bpf_get_current_comm(start.comm, sizeof(start.comm));
    bpf_map_update_elem(&starts, &rq, &start, BPF_NOEXIST);
}

/// Since 6.5
/// @optional true
SEC("raw_tp/block_io_start")
int io_start(__u64 *ctx) {
    first_seen((struct request *)ctx[0]);
    return 0;
}

SEC("raw_tp/block_rq_insert")
int rq_insert(__u64 *ctx) {
    first_seen(request_of(ctx));
    return 0;
}

SEC("raw_tp/block_rq_issue")
int rq_issue(__u64 *ctx) {
    struct request *rq = request_of(ctx);
    struct start *start;

    first_seen(rq);
    start = bpf_map_lookup_elem(&starts, &rq);
    if (start) {
        start->issued = bpf_ktime_get_ns();
        start->bytes = BPF_CORE_READ(rq, __data_len);
    }
    return 0;
}

SEC("raw_tp/block_rq_complete")
int rq_complete(__u64 *ctx) {
    struct request *rq = (struct request *)ctx[0];
    struct start *start = bpf_map_lookup_elem(&starts, &rq);
    char name[DISK_NAME_LEN] = "";
    __u64 took;
    struct event *event;

    if (!start)
        return 0;
    took = (bpf_ktime_get_ns() - (start->issued ?: start->queued)) / 1000;
    if (took < min_us)
        goto done;
    request_disk_name(rq, name);
    if (disk[0] && !same_disk(name, disk))
        goto done;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event)
        goto done;
    __builtin_memcpy(event->disk, name, sizeof(event->disk) - 1);
    event->disk[sizeof(event->disk) - 1] = 0;
    __builtin_memcpy(event->comm, start->comm, sizeof(event->comm));
    event->pid = start->pid;
    request_letters(BPF_CORE_READ(rq, cmd_flags), event->type);
    event->sector = BPF_CORE_READ(rq, __sector);
    event->bytes = start->bytes;
    event->queue_us = start->issued ? (start->issued - start->queued) / 1000 : 0;
    event->lat_us = took;
    bpf_ringbuf_submit(event, 0);
done:
    bpf_map_delete_elem(&starts, &rq);
    return 0;
}

/// @brief Trace block device I/O: each request, with its latency
/// @details TYPE: R read, W write, D discard, F flush; then F forced unit access, A read-ahead, S synchronous, M metadata.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
