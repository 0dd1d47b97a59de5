/* Undoing one attachment, only where what is there is still ours. */
#define _GNU_SOURCE
#include "attach_route.h"
#include "error.h"
#include "guard.h"
#include "tc_filters.h"
#include "uapi.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void eu_undo_begin(struct eu_undo *undo, enum eu_undo_kind kind, const struct bpf_program *prog) {
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);
    struct stat namespace;
    *undo = (struct eu_undo){.kind = kind, .fd = -1, .other_fd = -1};
    if (prog && !bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &size)) {
        undo->prog_id = info.id;
        undo->load_time = info.load_time;
    }
    if (!stat("/proc/thread-self/ns/net", &namespace))
        undo->netns = namespace.st_ino;
}

static int undo_tc(const struct eu_undo *undo) {
    struct bpf_tc_hook hook = {.sz = sizeof(hook), .ifindex = (int)undo->ifindex, .attach_point = undo->point};
    LIBBPF_OPTS(bpf_tc_opts, there, .handle = undo->handle, .priority = undo->priority);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = undo->handle, .priority = undo->priority);
    int err = 0, found = undo->prog_id && !bpf_tc_query(&hook, &there) && there.prog_id == undo->prog_id;
    if (found) /* else somebody has put theirs in its place */
        err = bpf_tc_detach(&hook, &options);
    if (undo->made_qdisc && !eu_tc_has_filters((int)undo->ifindex)) { /* others may have come to rely on it */
        hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;           /* both: the qdisc itself, which we made */
        found |= !bpf_tc_hook_destroy(&hook);
    }
    return err ? err : found;
}

static int undo_xdp(const struct eu_undo *undo) {
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = undo->fd);
    if (undo->fd < 0)
        return -EBADF;
    int err = bpf_xdp_attach((int)undo->ifindex, undo->other_fd, undo->flags, &options);
    return err == -EEXIST || err == -ENODEV ? 0 : err ? err : 1;
}

static int undo_option(const struct eu_undo *undo, int option) {
    int none = 0;
    if (undo->fd < 0)
        return -EBADF;
    return setsockopt(undo->fd, SOL_SOCKET, option, &none, sizeof(none)) ? (errno == ENOENT ? 0 : -errno) : 1;
}

static int undo_struct_ops(const struct eu_undo *undo) {
    uint32_t key = 0;
    int fd = undo->fd >= 0 ? dup(undo->fd) : bpf_map_get_fd_by_id(undo->map_id);
    if (fd < 0)
        return 0; /* it is not there any more */
    int err = bpf_map_delete_elem(fd, &key);
    close(fd);
    return err == -ENOENT ? 0 : err ? err : 1;
}

/* A whole removal of a route, and nothing else that a damaged journal may say: the kernel does not answer half a request. */
static int is_removal(const struct eu_undo *undo) {
    struct nlmsghdr head;
    if (undo->message_size < NLMSG_LENGTH(sizeof(struct rtmsg)) || undo->message_size > sizeof(undo->message))
        return 0;
    memcpy(&head, undo->message, sizeof(head));
    return head.nlmsg_len == undo->message_size && head.nlmsg_type == RTM_DELROUTE &&
           (head.nlmsg_flags & (NLM_F_REQUEST | NLM_F_ACK)) == (NLM_F_REQUEST | NLM_F_ACK);
}

static int undo_netlink(const struct eu_undo *undo) {
    if (!is_removal(undo))
        return -EINVAL;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    int err = eu_netlink_ask(fd, undo->message, undo->message_size);
    close(fd);
    return err == -ESRCH || err == -ENODEV || err == -ENOENT ? 0 : err ? err : 1; /* it went with its interface, or somebody removed it */
}

int eu_undo_apply(const struct eu_undo *undo) {
    switch (undo->kind) {
    case EU_UNDO_TC:
        return undo_tc(undo);
    case EU_UNDO_XDP:
        return undo_xdp(undo);
    case EU_UNDO_FILTER:
        return undo_option(undo, SO_DETACH_FILTER);
    case EU_UNDO_REUSEPORT:
        return undo_option(undo, SO_DETACH_REUSEPORT_BPF);
    case EU_UNDO_STRUCT_OPS:
        return undo_struct_ops(undo);
    case EU_UNDO_NETLINK:
        return undo_netlink(undo);
    default:
        return -EINVAL;
    }
}

int eu_undo_is_loaded(uint32_t prog_id, uint64_t load_time) {
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);
    int fd = bpf_prog_get_fd_by_id(prog_id);
    if (fd < 0)
        return 0;
    int err = bpf_prog_get_info_by_fd(fd, &info, &size);
    close(fd);
    return !err && info.load_time == load_time;
}

int eu_netns_enter(const char *path) {
    int before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = before < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    int err = there < 0 || setns(there, CLONE_NEWNET) ? errno : 0;
    if (there >= 0)
        close(there);
    if (!err)
        return before;
    if (before >= 0)
        close(before);
    return eu_fail(err, "enter network namespace %s: %s", path, eu_reason(err));
}

int eu_netns_leave(int before) {
    int err = setns(before, CLONE_NEWNET) ? errno : 0;
    close(before);
    return err ? eu_fail(err, "leave a network namespace: %s", eu_reason(err)) : 0;
}
