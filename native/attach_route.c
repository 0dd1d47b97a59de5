/* Light-weight tunnels: programs of a route (`ip route add … encap bpf`), which sees what goes by it. The route is made here, and only
 * ours is removed: it is marked by its protocol number. */
#define _GNU_SOURCE
#include "attach_route.h"
#include "attach.h"
#include "error.h"
#include "guard.h"
#include "vanish.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <linux/seg6_local.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROTOCOL = 0xeb }; /* nobody's: include/uapi/linux/rtnetlink.h leaves those above RTPROT_STATIC to user space */

struct message {
    struct nlmsghdr head;
    struct rtmsg route;
    char attributes[512];
};

struct route {
    int family, bits, ifindex;
    uint8_t address[16], via[16];
    int has_via, via_family;
    long long metric, table, headroom;
};

static void *add(struct message *m, int kind, const void *data, size_t size) {
    struct rtattr *attribute = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->head.nlmsg_len));
    attribute->rta_type = kind;
    attribute->rta_len = RTA_LENGTH(size);
    if (size)
        memcpy(RTA_DATA(attribute), data, size);
    m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

static struct rtattr *begin(struct message *m, int kind) {
    return add(m, kind, NULL, 0);
}

static void end(struct message *m, struct rtattr *nest) {
    nest->rta_len = (char *)m + m->head.nlmsg_len - (char *)nest;
}

static int parse_address(const char *text, uint8_t address[16], int *family) {
    *family = strchr(text, ':') ? AF_INET6 : AF_INET;
    return inet_pton(*family, text, address) == 1 ? 0 : -EINVAL;
}

/* "10.0.0.0/24" with the bits behind the prefix zero, as the kernel wants it. */
static int parse_prefix(const char *text, struct route *route) {
    char address[64], *end = "";
    size_t length = strcspn(text, "/");
    snprintf(address, sizeof(address), "%.*s", (int)length, text);
    if (length >= sizeof(address) || parse_address(address, route->address, &route->family))
        return -EINVAL;
    int most = route->family == AF_INET ? 32 : 128;
    long bits = text[length] ? strtol(text + length + 1, &end, 10) : most;
    if ((text[length] && !text[length + 1]) || *end || bits < 0 || bits > most)
        return -EINVAL;
    for (int i = 0; i < most; i++)
        if (i >= bits && route->address[i / 8] & 0x80 >> i % 8)
            return -EINVAL;
    route->bits = (int)bits;
    return 0;
}

static int parse_route(const struct bpf_program *prog, const struct eu_target *target, struct route *route) {
    char why[300];
    const char *via = eu_target_option(target, "via"), *device = eu_target_option(target, "dev");
    *route = (struct route){.table = RT_TABLE_MAIN};
    if (parse_prefix(target->name, route)) {
        snprintf(why, sizeof(why), "%.100s: not an address and the length of its prefix, as in route:10.0.0.0/24,dev=eth0", target->whole);
        return eu_attach_failed(prog, EINVAL, why);
    }
    if (via && (parse_address(via, route->via, &route->via_family) || route->via_family != route->family)) {
        snprintf(why, sizeof(why), "%.100s: via=%.60s is no address of the same family", target->whole, via);
        return eu_attach_failed(prog, EINVAL, why);
    }
    route->has_via = via != NULL;
    if (device && !(route->ifindex = (int)if_nametoindex(device))) {
        snprintf(why, sizeof(why), "interface %.100s: no such interface [`ip link` shows those of this network namespace]", device);
        return eu_attach_failed(prog, ENODEV, why);
    }
    if (!via && !device)
        return eu_attach_failed(prog, EINVAL, "a route leads to an interface or a gateway [route:PREFIX,dev=IFACE or via=ADDRESS]");
    if (eu_target_number(target, "metric", 0, UINT32_MAX, &route->metric) < 0 ||
        eu_target_number(target, "table", 1, UINT32_MAX, &route->table) < 0 ||
        eu_target_number(target, "headroom", 0, 256, &route->headroom) < 0)
        return -EINVAL;
    return 0;
}

/* What adding and deleting say alike. */
static void describe(struct message *m, const struct route *route, int kind, int flags) {
    size_t size = route->family == AF_INET ? 4 : 16;
    uint32_t table = (uint32_t)route->table, metric = (uint32_t)route->metric;
    memset(m, 0, sizeof(*m));
    m->head = (struct nlmsghdr){NLMSG_LENGTH(sizeof(m->route)), kind, NLM_F_REQUEST | NLM_F_ACK | flags, 1, 0};
    m->route = (struct rtmsg){.rtm_family = route->family,
                              .rtm_dst_len = route->bits,
                              .rtm_table = table < 256 ? table : RT_TABLE_UNSPEC,
                              .rtm_protocol = PROTOCOL,
                              .rtm_scope = route->has_via || route->family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                              .rtm_type = RTN_UNICAST};
    add(m, RTA_DST, route->address, size);
    add(m, RTA_TABLE, &table, sizeof(table));
    if (route->has_via)
        add(m, RTA_GATEWAY, route->via, size);
    if (route->ifindex)
        add(m, RTA_OIF, &route->ifindex, sizeof(route->ifindex));
    if (metric)
        add(m, RTA_PRIORITY, &metric, sizeof(metric));
}

static void add_program(struct message *m, const struct bpf_program *prog, int kind, int fd_kind, int name_kind) {
    uint32_t fd = (uint32_t)bpf_program__fd(prog);
    char name[61]; /* shown by `ip route`; the kernel wants its end */
    snprintf(name, sizeof(name), "%s", bpf_program__name(prog));
    struct rtattr *nest = begin(m, kind | NLA_F_NESTED);
    add(m, fd_kind, &fd, sizeof(fd));
    add(m, name_kind, name, strlen(name) + 1);
    end(m, nest);
}

static void add_tunnel(struct message *m, const struct bpf_program *prog, const struct route *route) {
    enum bpf_prog_type type = bpf_program__type(prog);
    uint16_t encap = type == BPF_PROG_TYPE_LWT_SEG6LOCAL ? LWTUNNEL_ENCAP_SEG6_LOCAL : LWTUNNEL_ENCAP_BPF;
    uint32_t action = SEG6_LOCAL_ACTION_END_BPF, headroom = (uint32_t)route->headroom;
    add(m, RTA_ENCAP_TYPE, &encap, sizeof(encap));
    struct rtattr *nest = begin(m, RTA_ENCAP | NLA_F_NESTED);
    if (encap == LWTUNNEL_ENCAP_SEG6_LOCAL) {
        add(m, SEG6_LOCAL_ACTION, &action, sizeof(action));
        add_program(m, prog, SEG6_LOCAL_BPF, SEG6_LOCAL_BPF_PROG, SEG6_LOCAL_BPF_PROG_NAME);
    } else {
        int kind = type == BPF_PROG_TYPE_LWT_IN ? LWT_BPF_IN : type == BPF_PROG_TYPE_LWT_OUT ? LWT_BPF_OUT : LWT_BPF_XMIT;
        add_program(m, prog, kind, LWT_BPF_PROG_FD, LWT_BPF_PROG_NAME);
        if (headroom)
            add(m, LWT_BPF_XMIT_HEADROOM, &headroom, sizeof(headroom));
    }
    end(m, nest);
}

int eu_netlink_ask(int sock, const void *message, size_t size) {
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } answer;
    if (send(sock, message, size, 0) < 0)
        return -errno;
    ssize_t got = recv(sock, &answer, sizeof(answer), 0);
    if (got < 0)
        return -errno;
    if ((size_t)got < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || answer.head.nlmsg_type != NLMSG_ERROR)
        return -EPROTO;
    return ((const struct nlmsgerr *)NLMSG_DATA(&answer.head))->error;
}

static int route_failed(const struct bpf_program *prog, int err, const struct eu_target *target) {
    char why[400];
    snprintf(why, sizeof(why), "route %.100s: %s", target->name,
             err == EEXIST ? "there is one with this prefix and metric already [metric=N, or a longer prefix]"
             : err == EOPNOTSUPP
                 ? "this kernel has no programs of routes [it needs CONFIG_LWTUNNEL_BPF; for lwt_seg6local CONFIG_IPV6_SEG6_BPF]"
             : err == ENETUNREACH || err == EHOSTUNREACH ? "its gateway is not reachable"
             : err == ENETDOWN                           ? "its interface is down [ip link set IFACE up]"
             : err == EPERM                              ? "operation not permitted [needs CAP_NET_ADMIN]"
                                                         : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

/* Noted before the route is made: its removal is of this protocol number, so that no route of others is meant. */
static struct eu_attachment *keep(struct eu_object *object, int index, const struct route *route) {
    struct eu_undo undo;
    struct message removal;
    eu_undo_begin(&undo, EU_UNDO_NETLINK, object->progs[index]);
    describe(&removal, route, RTM_DELROUTE, 0);
    _Static_assert(sizeof(removal) - sizeof(removal.attributes) < sizeof(undo.message), "a removal has few attributes");
    undo.message_size = removal.head.nlmsg_len;
    memcpy(undo.message, &removal, undo.message_size);
    return eu_guarded(object, index, &undo);
}

int eu_attach_route(struct eu_object *object, int index, const struct eu_target *target) {
    const struct bpf_program *prog = object->progs[index];
    struct route route;
    struct message m;
    int err = parse_route(prog, target, &route);
    if (err)
        return err;
    int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (sock < 0)
        return eu_attach_failed(prog, errno, NULL);
    eu_vanish_interface(object, index, route.ifindex);
    struct eu_attachment *at = keep(object, index, &route);
    if (at) {
        describe(&m, &route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
        add_tunnel(&m, prog, &route);
        err = -eu_netlink_ask(sock, &m, m.head.nlmsg_len);
    }
    close(sock);
    if (!at)
        return -ENOMEM;
    if (!err)
        return 0;
    eu_unguard(object, at);
    return route_failed(prog, err, target);
}
