// SPDX-License-Identifier: MIT
#include "../include/eunomia/socket.h"

/// @cmdarg {"long": "localport", "short": "L", "help": "only these local ports, e.g. 80,443"}
const volatile __u16 local_ports[8] = {};
/// @cmdarg {"long": "remoteport", "short": "D", "help": "only these remote ports, e.g. 80,443"}
const volatile __u16 remote_ports[8] = {};
/// @cmdarg {"long": "ipv4", "short": "4", "help": "IPv4 only"}
const volatile bool ipv4_only = false;
/// @cmdarg {"long": "ipv6", "short": "6", "help": "IPv6 only"}
const volatile bool ipv6_only = false;

struct event {
    __u64 skaddr;
    __u32 pid;
    char comm[TASK_COMM_LEN];
    __u8 laddr[16];
    __u16 lport;
    __u8 raddr[16];
    __u16 rport;
    __u32 oldstate;
    __u32 newstate;
    __u64 us; /* in the old state */
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 10240);
    __type(key, __u64);
    __type(value, __u64);
} since SEC(".maps");

/// @decode {"skaddr": "hex", "laddr": "ip", "raddr": "ip", "oldstate": "tcp_state", "newstate": "tcp_state"}
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

static __always_inline bool wanted_port(const volatile __u16 ports[8], __u16 port) {
    if (!ports[0])
        return true;
    for (int i = 0; i < 8 && ports[i]; i++) {
        if (ports[i] == port)
            return true;
    }
    return false;
}

SEC("tp/sock/inet_sock_set_state")
int set_state(struct inet_sock_set_state *ctx) {
    __u64 socket = ctx->skaddr, now = bpf_ktime_get_ns(), *begin;
    struct event *event;

    if (ctx->protocol != IPPROTO_TCP)
        return 0;
    if ((ipv4_only && !ipv6_only && ctx->family != AF_INET) || (ipv6_only && !ipv4_only && ctx->family != AF_INET6))
        return 0;
    if (!wanted_port(local_ports, ctx->sport) || !wanted_port(remote_ports, ctx->dport))
        return 0;
    begin = bpf_map_lookup_elem(&since, &socket);
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (event) {
        event->skaddr = socket;
        event->pid = bpf_get_current_pid_tgid() >> 32;
        bpf_get_current_comm(event->comm, sizeof(event->comm));
        __builtin_memcpy(event->laddr, ctx->saddr_v6, sizeof(event->laddr));
        event->lport = ctx->sport;
        __builtin_memcpy(event->raddr, ctx->daddr_v6, sizeof(event->raddr));
        event->rport = ctx->dport;
        event->oldstate = ctx->oldstate;
        event->newstate = ctx->newstate;
        event->us = begin ? (now - *begin) / 1000 : 0;
        bpf_ringbuf_submit(event, 0);
    }
    if (ctx->newstate == TCP_CLOSE)
        bpf_map_delete_elem(&since, &socket);
    else
        bpf_map_update_elem(&since, &socket, &now, BPF_ANY);
    return 0;
}

/// @brief Trace TCP connections as they change state, with the time spent in each
/// @details PID and COMM are who happened to run then, often not the connection's owner. US is the time in the old state, 0
/// where its beginning was not seen.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
