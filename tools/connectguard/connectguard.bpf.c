// SPDX-License-Identifier: MIT
#include "../include/eunomia/socket.h"

#define NR_NETWORKS 32
#define NR_PORTS 32

enum decision {
    allow = 1,
    deny = 2,
};

/// @cmdarg {"long": "deny", "short": "d", "help": "refuse what goes to these addresses and networks"}
const volatile struct eunomia_network denied[NR_NETWORKS] = {};
/// @cmdarg {"long": "allow", "short": "a", "help": "let pass what goes to these addresses and networks, whatever the others say"}
const volatile struct eunomia_network allowed[NR_NETWORKS] = {};
/// @cmdarg {"long": "deny-port", "short": "D", "help": "refuse what goes to these ports, e.g. 25,6667"}
const volatile __u16 denied_ports[NR_PORTS] = {};
/// @cmdarg {"long": "allow-port", "short": "A", "help": "let pass what goes to these ports, whatever the others say"}
const volatile __u16 allowed_ports[NR_PORTS] = {};
/// @cmdarg {"long": "default", "help": "what becomes of the rest"}
/// @choices {"allow": 1, "deny": 2}
const volatile __u32 otherwise = allow;
/// @cmdarg {"long": "loopback", "help": "judge what stays on this machine (127.0.0.0/8, ::1), too"}
const volatile bool with_loopback = false;
/// @cmdarg {"default": -1, "long": "uid", "short": "u", "help": "the rules are for this user only (-1: for all)"}
const volatile int target_uid = -1;
/// @cmdarg {"long": "audit", "short": "n", "help": "refuse nothing, only show what would be refused"}
const volatile bool audit = false;
/// @cmdarg {"long": "all", "help": "show what passes, too"}
const volatile bool show_allowed = false;

enum verdict {
    ALLOWED,
    DENIED,
    WOULD_DENY,
};
enum cause {
    loopback_,
    rule,
    allow_list,
    deny_list,
    default_,
};
enum call {
    connect,
    sendmsg,
};

struct event {
    enum verdict verdict;
    __u32 pid;
    __u32 uid;
    char comm[TASK_COMM_LEN];
    enum call call;
    __u32 protocol;
    __u8 daddr[16];
    __u16 dport;
    enum cause cause;
};

/// @decode {"protocol": "ip_protocol", "daddr": "ip", "cause": {"decoder": "static_map", "map": {
///     "0": "loopback", "1": "rule", "2": "allow", "3": "deny", "4": "default"}}}
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct network {
    __u32 prefixlen;
    __u8 addr[16]; /* IPv4 as ::ffff:a.b.c.d, with 96 bits more */
};
struct rule {
    enum decision decision;
    __u32 port; /* 0: all */
};

/* Empty at first: rules that are made while it runs. The longest prefix goes before all lists. */
struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 4096);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct network);
    __type(value, struct rule);
} rules SEC(".maps");

struct destination {
    __be32 address[4]; /* of IPv4 the first only */
    __u8 mapped[16];
    int family; /* 4 or 6 */
    __u16 port;
};

static __always_inline bool is_loopback(const struct destination *to) {
    const __be32 *address = to->address;

    if (to->family == 4) /* connect(2) takes 0.0.0.0 for 127.0.0.1 */
        return !address[0] || (address[0] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
    return !address[0] && !address[1] && !address[2] && (!address[3] || address[3] == bpf_htonl(1));
}

static __always_inline bool has_network(const volatile struct eunomia_network list[NR_NETWORKS], const struct destination *to) {
    for (int i = 0; i < NR_NETWORKS && list[i].family; i++) {
        if (is_within(to->address, to->family, &list[i]))
            return true;
    }
    return false;
}

static __always_inline bool has_port(const volatile __u16 list[NR_PORTS], __u16 port) {
    for (int i = 0; i < NR_PORTS && list[i]; i++) {
        if (list[i] == port)
            return true;
    }
    return false;
}

static __always_inline enum decision judge(const struct destination *to, enum cause *cause) {
    struct network key = {.prefixlen = 128};
    const struct rule *found;

    *cause = loopback_;
    if (!with_loopback && is_loopback(to))
        return allow;
    __builtin_memcpy(key.addr, to->mapped, sizeof(key.addr));
    found = bpf_map_lookup_elem(&rules, &key);
    *cause = rule;
    if (found && (!found->port || found->port == to->port))
        return found->decision;
    *cause = allow_list;
    if (has_network(allowed, to) || has_port(allowed_ports, to->port))
        return allow;
    *cause = deny_list;
    if (has_network(denied, to) || has_port(denied_ports, to->port))
        return deny;
    *cause = default_;
    return otherwise;
}

static __always_inline void report(const struct bpf_sock_addr *ctx, const struct destination *to, enum verdict verdict, enum call call,
                                   enum cause cause) {
    struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

    if (!event)
        return;
    event->verdict = verdict;
    event->pid = bpf_get_current_pid_tgid() >> 32;
    event->uid = bpf_get_current_uid_gid();
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    event->call = call;
    event->protocol = ctx->protocol;
    __builtin_memcpy(event->daddr, to->mapped, sizeof(event->daddr));
    event->dport = to->port;
    event->cause = cause;
    bpf_ringbuf_submit(event, 0);
}

/* What the kernel is told: 1 go on, 0 refuse with EPERM. A lost event changes nothing of it. */
static __always_inline int answer(const struct bpf_sock_addr *ctx, const struct destination *to, enum call call) {
    enum cause cause;
    enum verdict verdict;

    if (target_uid != -1 && target_uid != (__u32)bpf_get_current_uid_gid())
        return 1;
    if (judge(to, &cause) != deny)
        verdict = ALLOWED;
    else
        verdict = audit ? WOULD_DENY : DENIED;
    if (verdict != ALLOWED || show_allowed)
        report(ctx, to, verdict, call, cause);
    return verdict != DENIED;
}

static __always_inline int judge_ipv4(const struct bpf_sock_addr *ctx, enum call call) {
    struct destination to = {.family = 4, .port = bpf_ntohs(ctx->user_port)};

    to.address[0] = ctx->user_ip4;
    map_ipv4(to.mapped, ctx->user_ip4);
    return answer(ctx, &to, call);
}

static __always_inline int judge_ipv6(const struct bpf_sock_addr *ctx, enum call call) {
    struct destination to = {.family = 6, .port = bpf_ntohs(ctx->user_port)};

    to.address[0] = ctx->user_ip6[0];
    to.address[1] = ctx->user_ip6[1];
    to.address[2] = ctx->user_ip6[2];
    to.address[3] = ctx->user_ip6[3];
    __builtin_memcpy(to.mapped, to.address, sizeof(to.mapped));
    if (is_mapped(to.mapped)) { /* an IPv6 socket that speaks IPv4: IPv4's rules */
        to.family = 4;
        to.address[0] = to.address[3];
    }
    return answer(ctx, &to, call);
}

SEC("cgroup/connect4")
int connect_ipv4(struct bpf_sock_addr *ctx) {
    return judge_ipv4(ctx, connect);
}

SEC("cgroup/connect6")
int connect_ipv6(struct bpf_sock_addr *ctx) {
    return judge_ipv6(ctx, connect);
}

/* Datagrams of sockets that are not connected. */
SEC("cgroup/sendmsg4")
int sendmsg_ipv4(struct bpf_sock_addr *ctx) {
    return judge_ipv4(ctx, sendmsg);
}

SEC("cgroup/sendmsg6")
int sendmsg_ipv6(struct bpf_sock_addr *ctx) {
    return judge_ipv6(ctx, sendmsg);
}

/// @brief Refuse connections of a control group by network and port, and show them
/// @details It needs to be told whom it guards: --attach-cgroup /sys/fs/cgroup/GROUP (of all: /sys/fs/cgroup). Rules in the map `rules` go first, then --allow and --allow-port, then --deny and --deny-port, then --default. What is refused gets EPERM. Connections that there are, and those that others make to this machine, are never touched; when it ends, so do its rules.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";
