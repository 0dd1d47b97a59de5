/* SPDX-License-Identifier: MIT
 *
 * TCP sockets: the tracepoint of their states, and their addresses, which are always 16 bytes here: IPv4 as ::ffff:a.b.c.d,
 * which the decoder `ip` shows as IPv4.
 */
#ifndef EUNOMIA_SOCKET_H
#define EUNOMIA_SOCKET_H
#include "kernel.h"

#include <bpf/bpf_endian.h>

enum {
    AF_INET = 2,
    AF_INET6 = 10,
};
enum {
    IPPROTO_TCP = 6,
    IPPROTO_UDP = 17,
};
/* include/net/tcp_states.h */
enum {
    TCP_SYN_SENT = 2,
    TCP_CLOSE = 7,
};

/* Tracepoint sock:inet_sock_set_state. */
struct inet_sock_set_state {
    __u64 common;
    __u64 skaddr;
    int oldstate, newstate;
    __u16 sport, dport, family; /* host order */
    __u8 protocol;              /* 16 bits since 5.6: the first byte is enough for TCP */
    __u8 protocol_high;
    __u8 saddr[4], daddr[4];
    __u8 saddr_v6[16], daddr_v6[16]; /* IPv4 addresses too, mapped */
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
    union {
        __u8 u6_addr8[16];
    } in6_u;
};
struct sock_common {
    unsigned short skc_family;
    __be32 skc_daddr;
    __be32 skc_rcv_saddr;
    __be16 skc_dport;
    __u16 skc_num;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
    struct sock_common __sk_common;
};

#pragma clang attribute pop

/* What programs of control groups see of connect(2) and sendmsg(2): include/uapi/linux/bpf.h. */
struct bpf_sock_addr {
    __u32 user_family;
    __u32 user_ip4;
    __u32 user_ip6[4];
    __u32 user_port; /* network order */
    __u32 family;
    __u32 type;
    __u32 protocol;
};

/* An option of this type is an address or a network: 10.0.0.0/8, 2001:db8::1. */
struct eunomia_network {
    __be32 address[4]; /* of IPv4 the first only */
    __u8 length;       /* bits of it that count */
    __u8 family;       /* 4 or 6; 0: no network */
};

static __always_inline bool is_within(const __be32 address[4], int family, const volatile struct eunomia_network *network) {
    int bits = network->length;

    if (network->family != family)
        return false;
    for (int i = 0; i < 4 && bits > 0; i++, bits -= 32) {
        __u32 mask = bits >= 32 ? 0xffffffff : bpf_htonl(0xffffffff << (32 - bits));

        if ((address[i] ^ network->address[i]) & mask)
            return false;
    }
    return true;
}

static __always_inline void map_ipv4(__u8 to[16], __be32 address) {
    __builtin_memset(to, 0, 10);
    __builtin_memset(to + 10, 0xff, 2);
    __builtin_memcpy(to + 12, &address, 4);
}

/* Whether an address is one of IPv4. */
static __always_inline bool is_mapped(const __u8 address[16]) {
    __u32 words[3];

    __builtin_memcpy(words, address, sizeof(words));
    return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

/* The remote or the local address of a socket. */
static __always_inline void socket_address(__u8 to[16], const struct sock *sk, bool remote) {
    if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET)
        map_ipv4(to, remote ? BPF_CORE_READ(sk, __sk_common.skc_daddr) : BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
    else if (remote)
        bpf_core_read(to, 16, &sk->__sk_common.skc_v6_daddr);
    else
        bpf_core_read(to, 16, &sk->__sk_common.skc_v6_rcv_saddr);
}

#endif
