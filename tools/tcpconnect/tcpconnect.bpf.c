// SPDX-License-Identifier: MIT
#include "../include/eunomia/socket.h"
#include "../include/eunomia/uprobe.h"

/// @cmdarg {"long": "pid", "short": "p", "help": "only connections that this process makes"}
/// @filter pid
const volatile pid_t target_pid = 0;
/// @cmdarg {"default": -1, "long": "uid", "short": "u", "help": "only connections that this user makes (-1: all)"}
/// @filter uid
const volatile int target_uid = -1;
/// @cmdarg {"long": "port", "short": "P", "help": "only to these ports, e.g. 80,443"}
const volatile __u16 ports[16] = {};
/// @cmdarg {"long": "ipv4", "short": "4", "help": "IPv4 only"}
const volatile bool ipv4_only = false;
/// @cmdarg {"long": "ipv6", "short": "6", "help": "IPv6 only"}
const volatile bool ipv6_only = false;
/// @cmdarg {"long": "count", "short": "c", "help": "count connections by addresses and port in the kernel, shown at the end"}
const volatile bool count_only = false;
/// @cmdarg {"long": "lport", "short": "L", "help": "the local port in any case, even if its line must wait until the connection is made"}
const volatile bool with_lport = false;

struct event {
    __u32 pid;
    __u32 uid;
    char comm[TASK_COMM_LEN];
    __u32 ip;
    __u8 saddr[16];
    __u16 lport; /* 0: not known yet */
    __u8 daddr[16];
    __u16 dport;
};

/// @decode {"saddr": "ip", "daddr": "ip"}
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct flow {
    __u8 saddr[16];
    __u8 daddr[16];
    __u16 dport;
};
struct connects {
    __u64 connects;
};

/// @sample {"interval": 0}
/// @decode {"saddr": "ip", "daddr": "ip"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, struct flow);
    __type(value, struct connects);
} flows SEC(".maps");

/* By socket: connections that wait for their local port. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 10240);
    __type(key, __u64);
    __type(value, struct event);
} waiting SEC(".maps");

static __always_inline bool wanted_port(__u16 port) {
    if (!ports[0])
        return true;
    for (int i = 0; i < 16 && ports[i]; i++) {
        if (ports[i] == port)
            return true;
    }
    return false;
}

/* Who connects, and whether the options ask for it. Addresses and port are in the event already. */
static __always_inline bool wanted(struct event *event) {
    event->ip = is_mapped(event->daddr) ? 4 : 6;
    event->pid = bpf_get_current_pid_tgid() >> 32;
    event->uid = bpf_get_current_uid_gid();
    if ((target_pid && target_pid != event->pid) || (target_uid != -1 && target_uid != event->uid))
        return false;
    if ((ipv4_only && !ipv6_only && event->ip != 4) || (ipv6_only && !ipv4_only && event->ip != 6) || !wanted_port(event->dport))
        return false;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    return true;
}

static __always_inline void count(const struct event *event) {
    struct flow flow = {.dport = event->dport};
    struct connects *seen, first = {1};

    __builtin_memcpy(flow.saddr, event->saddr, sizeof(flow.saddr));
    __builtin_memcpy(flow.daddr, event->daddr, sizeof(flow.daddr));
    seen = bpf_map_lookup_elem(&flows, &flow);
    if (!seen) {
        if (!bpf_map_update_elem(&flows, &flow, &first, BPF_NOEXIST))
            return;
        seen = bpf_map_lookup_elem(&flows, &flow); /* another CPU was first, or the map is full */
    }
    if (seen)
        __sync_fetch_and_add(&seen->connects, 1);
}

static __always_inline void report(struct event *event) {
    if (count_only)
        count(event);
    else
        bpf_ringbuf_output(&events, event, sizeof(*event), 0);
}

/* The SYN is about to be sent: all of it is known. */
static __always_inline int connecting(const struct sock *sk) {
    struct event event = {};

    socket_address(event.saddr, sk, false);
    socket_address(event.daddr, sk, true);
    event.lport = BPF_CORE_READ(sk, __sk_common.skc_num);
    event.dport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
    if (wanted(&event))
        report(&event);
    return 0;
}

/// @alternative connect
SEC("fentry/tcp_connect")
int BPF_PROG(tcp_connect_entry, const struct sock *sk) {
    return connecting(sk);
}

/// @alternative connect
SEC("kprobe/tcp_connect")
int tcp_connect_kprobe(void *ctx) {
    return connecting((const struct sock *)uprobe_argument_1(ctx));
}

/* A state that follows SYN_SENT: the local port is known now, and it was another process that ran, perhaps. */
static __always_inline int connected(const struct inet_sock_set_state *ctx) {
    __u64 socket = ctx->skaddr;
    struct event *event = bpf_map_lookup_elem(&waiting, &socket);

    if (!event)
        return 0;
    event->lport = ctx->sport;
    report(event);
    bpf_map_delete_elem(&waiting, &socket);
    return 0;
}

/* Where there is neither: connect(2) sets this state, in its own process, before it chooses a local port. */
/// @alternative connect
SEC("tp/sock/inet_sock_set_state")
int set_state(struct inet_sock_set_state *ctx) {
    struct event event = {.lport = ctx->sport, .dport = ctx->dport};
    __u64 socket = ctx->skaddr;

    if (ctx->protocol != IPPROTO_TCP)
        return 0;
    if (ctx->oldstate == TCP_SYN_SENT && with_lport)
        return connected(ctx);
    if (ctx->oldstate != TCP_CLOSE || ctx->newstate != TCP_SYN_SENT)
        return 0;
    __builtin_memcpy(event.saddr, ctx->saddr_v6, sizeof(event.saddr));
    __builtin_memcpy(event.daddr, ctx->daddr_v6, sizeof(event.daddr));
    if (!wanted(&event))
        return 0;
    if (with_lport && !count_only)
        bpf_map_update_elem(&waiting, &socket, &event, BPF_ANY);
    else
        report(&event);
    return 0;
}

/// @brief Trace TCP connections that are made from here: who connects, from where, to where
/// @details A line is shown when the connection is begun (the first SYN), whether it is answered or not. Connections that are
/// accepted are not shown. LPORT is 0 where the kernel can trace no functions and the socket was not bound: see -L.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
