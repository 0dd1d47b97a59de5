/* Sockets and maps of sockets: filters of a packet socket of our own or of another's socket, sk_msg and sk_skb. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "guard.h"
#include "uapi.h"
#include "vanish.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_socket_map(const struct bpf_map *map) {
    return bpf_map__type(map) == BPF_MAP_TYPE_SOCKMAP || bpf_map__type(map) == BPF_MAP_TYPE_SOCKHASH;
}

static const struct bpf_map *find_map(struct eu_object *object, const char *name, int *nr) {
    const struct bpf_map *found = NULL;
    *nr = 0;
    for (int i = 0; i < object->nr_maps; i++)
        if (is_socket_map(object->maps[i]) && (!*name || !strcmp(bpf_map__name(object->maps[i]), name))) {
            found = object->maps[i];
            ++*nr;
        }
    return found;
}

static void undo_map(struct eu_attachment *at) {
    bpf_prog_detach2(at->fd, at->other_fd, at->flags);
    at->fd = -1; /* program and map are the object's */
}

/* Without a link, which these have since 6.10; the kernel refuses where another program is there. */
static int attach_map_plainly(struct eu_object *object, int index, int map, enum bpf_attach_type type) {
    struct eu_attachment *at = eu_attachment_add(object, index);
    if (!at)
        return ENOMEM;
    if (!bpf_prog_attach(bpf_program__fd(object->progs[index]), map, type, 0)) {
        at->fd = bpf_program__fd(object->progs[index]);
        at->other_fd = map;
        at->flags = type;
        at->undo = undo_map;
        return 0;
    }
    int err = errno;
    object->attachments = at->next;
    free(at);
    return err;
}

int eu_attach_map(struct eu_object *object, int index, const char *name) {
    const struct bpf_program *prog = object->progs[index];
    char why[300];
    int nr, err = 0;
    const struct bpf_map *map = find_map(object, name, &nr);
    if (nr != 1) {
        if (*name)
            snprintf(why, sizeof(why), "map %.100s: the package has no sockmap or sockhash of this name", name);
        else
            snprintf(why, sizeof(why), "it attaches to a sockmap or sockhash, and the package has %d [--attach %s=map:NAME]", nr,
                     bpf_program__name(prog));
        return eu_attach_failed(prog, nr ? EDESTADDRREQ : ENOENT, why);
    }
    enum bpf_attach_type type = bpf_program__expected_attach_type(prog);
    int fd = bpf_link_create(bpf_program__fd(prog), bpf_map__fd(map), type, NULL);
    if (fd >= 0)
        return eu_attachment_add_fd(object, index, fd);
    err = errno;
    if (err == EINVAL || err == EOPNOTSUPP)
        err = attach_map_plainly(object, index, bpf_map__fd(map), type);
    if (!err)
        return 0;
    snprintf(why, sizeof(why), "map %s: %s", bpf_map__name(map),
             err == EBUSY || err == EEXIST ? "another program of this kind is attached to it" : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

static int refuse_socket(const struct bpf_program *prog, int err, const char *what) {
    char why[300];
    snprintf(why, sizeof(why), "%.100s: %s", what,
             err == ENOTSOCK ? "not a socket"
             : err == EINVAL && bpf_program__type(prog) == BPF_PROG_TYPE_SK_REUSEPORT
                 ? "not bound, or without SO_REUSEPORT [set it, then bind]"
                 : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

/* Put the program into a socket of somebody else's, whose descriptor the attachment owns from here on. */
static int put_into(struct eu_object *object, int index, int sock, const char *what) {
    const struct bpf_program *prog = object->progs[index];
    int fd = bpf_program__fd(prog), reuseport = bpf_program__type(prog) == BPF_PROG_TYPE_SK_REUSEPORT;
    struct eu_undo undo;
    eu_undo_begin(&undo, reuseport ? EU_UNDO_REUSEPORT : EU_UNDO_FILTER, prog);
    undo.fd = sock;
    struct eu_attachment *at = eu_guarded(object, index, &undo);
    int err = at ? 0 : ENOMEM;
    if (!err && setsockopt(sock, SOL_SOCKET, reuseport ? SO_ATTACH_REUSEPORT_EBPF : SO_ATTACH_BPF, &fd, sizeof(fd)))
        err = errno;
    if (!err) {
        at->fd = sock;
        return 0;
    }
    if (at)
        eu_unguard(object, at);
    close(sock);
    return refuse_socket(prog, err, what);
}

/* A packet socket that sees what passes an interface; nothing is read from it, so little may wait in it. */
static int packet_socket(const struct bpf_program *prog, const char *name) {
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(name)};
    char why[200];
    int room = 1;
    if (!address.sll_ifindex) {
        snprintf(why, sizeof(why), "interface %.100s: no such interface [`ip link` shows those of this network namespace]", name);
        return eu_attach_failed(prog, ENODEV, why);
    }
    int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: no packets before the program is in */
    if (sock < 0)
        return eu_attach_failed(prog, errno, NULL);
    setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    int fd = bpf_program__fd(prog), err = 0;
    if (setsockopt(sock, SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)) || bind(sock, (struct sockaddr *)&address, sizeof(address))) {
        err = errno;
        close(sock);
        snprintf(why, sizeof(why), "interface %.100s: %s", name, eu_reason(err));
        return eu_attach_failed(prog, err, why);
    }
    return sock;
}

/* A descriptor of another process; kernel 5.6. */
static int take_socket(const struct bpf_program *prog, int pid, int number) {
    char why[200];
    int process = syscall(SYS_pidfd_open, pid, 0);
    int fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, number, 0), err = errno;
    if (process >= 0)
        close(process);
    if (fd >= 0)
        return fd;
    snprintf(why, sizeof(why), "descriptor %d of process %d: %s", number, pid,
             err == ESRCH   ? "no such process"
             : err == EBADF ? "it has no such descriptor [ls -l /proc/PID/fd]"
                            : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

int eu_attach_socket(struct eu_object *object, int index, const struct eu_target *target) {
    const struct bpf_program *prog = object->progs[index];
    long long number = -1, pid = 0;
    if (eu_target_number(target, "fd", 0, INT32_MAX, &number) < 0 || eu_target_number(target, "pid", 1, INT32_MAX, &pid) < 0)
        return -EINVAL;
    if ((number >= 0) == (*target->name != 0))
        return eu_attach_failed(prog, EINVAL, "its target is either socket:INTERFACE or socket:,fd=N[,pid=PID]");
    if (*target->name) {
        if (bpf_program__type(prog) != BPF_PROG_TYPE_SOCKET_FILTER)
            return eu_attach_failed(prog, EINVAL, "it attaches to a socket of a group [socket:,fd=N[,pid=PID]]");
        eu_vanish_interface(object, index, (int)if_nametoindex(target->name));
        int sock = packet_socket(prog, target->name);
        return sock < 0 ? sock : eu_attachment_add_fd(object, index, sock);
    }
    int sock = take_socket(prog, pid ? pid : getpid(), number);
    return sock < 0 ? sock : put_into(object, index, sock, target->whole);
}
