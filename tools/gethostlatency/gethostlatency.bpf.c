// SPDX-License-Identifier: MIT
#include "../include/eunomia/uprobe.h"

/// @cmdarg {"long": "pid", "short": "p", "help": "trace this process ID only"}
/// @filter pid
const volatile pid_t target_pid = 0;

#define HOST_LEN 256

struct event {
    __u32 pid;
    char comm[TASK_COMM_LEN];
    __u64 lat_us;
    char host[HOST_LEN];
};

struct lookup {
    __u64 since;
    char host[HOST_LEN];
};
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, __u32);
    __type(value, struct lookup);
} lookups SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

static __always_inline int begin(void *ctx) {
    __u64 id = bpf_get_current_pid_tgid();
    struct lookup lookup = {};
    __u32 tid = id;

    if (target_pid && target_pid != id >> 32)
        return 0;
    bpf_probe_read_user_str(lookup.host, sizeof(lookup.host), (const void *)uprobe_argument_1(ctx));
    lookup.since = bpf_ktime_get_ns();
    bpf_map_update_elem(&lookups, &tid, &lookup, BPF_ANY);
    return 0;
}

static __always_inline int end(void) {
    __u64 id = bpf_get_current_pid_tgid();
    struct lookup *lookup;
    struct event *event;
    __u32 tid = id;

    lookup = bpf_map_lookup_elem(&lookups, &tid);
    if (!lookup)
        return 0;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (event) {
        event->pid = id >> 32;
        bpf_get_current_comm(event->comm, sizeof(event->comm));
        event->lat_us = (bpf_ktime_get_ns() - lookup->since) / 1000;
        __builtin_memcpy(event->host, lookup->host, sizeof(event->host));
        bpf_ringbuf_submit(event, 0);
    }
    bpf_map_delete_elem(&lookups, &tid);
    return 0;
}

SEC("uprobe/libc.so.6:getaddrinfo")
int getaddrinfo_begin(void *ctx) {
    return begin(ctx);
}

SEC("uretprobe/libc.so.6:getaddrinfo")
int getaddrinfo_end(void *ctx) {
    return end();
}

SEC("uprobe/libc.so.6:gethostbyname")
int gethostbyname_begin(void *ctx) {
    return begin(ctx);
}

SEC("uretprobe/libc.so.6:gethostbyname")
int gethostbyname_end(void *ctx) {
    return end();
}

SEC("uprobe/libc.so.6:gethostbyname2")
int gethostbyname2_begin(void *ctx) {
    return begin(ctx);
}

SEC("uretprobe/libc.so.6:gethostbyname2")
int gethostbyname2_end(void *ctx) {
    return end();
}

/// @brief Trace host name lookups, with their latency
/// @details getaddrinfo(), gethostbyname() and gethostbyname2() of the system's libc.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
