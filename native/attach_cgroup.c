/* Control groups and network namespaces: links to a directory, and to a namespace's file. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "uapi.h"
#include "vanish.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PATH_ROOM = 4608 };

/* Where cgroup v2 is mounted, "" where it is not; octal escapes of mountinfo are left as they are. */
static void find_mount(char *path, size_t room) {
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    path[0] = 0;
    while (file && !path[0] && getline(&line, &size, file) > 0) {
        char *dash = strstr(line, " - cgroup2 "), point[4096];
        if (dash && sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1)
            snprintf(path, room, "%s", point);
    }
    free(line);
    if (file)
        fclose(file);
}

static int refuse_cgroup(const struct bpf_program *prog, int err, const char *name, const char *cause, const char *hint) {
    char why[700];
    snprintf(why, sizeof(why), "cgroup %.200s: %s%s", name, cause, hint);
    return eu_attach_failed(prog, err, why);
}

int eu_cgroup_open(const struct bpf_program *prog, const char *name) {
    char path[PATH_ROOM + 4096], mount[4096], hint[300];
    struct statfs there;
    find_mount(mount, sizeof(mount));
    snprintf(hint, sizeof(hint), " [%s%.200s%s]", *mount ? "cgroup v2 is mounted at " : "mount it: mount -t cgroup2 none ",
             *mount ? mount : "DIRECTORY", *mount ? "; mkdir there makes one" : "");
    if (name[0] == '/')
        snprintf(path, sizeof(path), "%s", name);
    else if (*mount)
        snprintf(path, sizeof(path), "%s/%s", mount, name);
    else
        return refuse_cgroup(prog, ENOENT, name, "cgroup v2 is not mounted", hint);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refuse_cgroup(prog, errno, path, eu_reason(errno), errno == ENOENT ? hint : "");
    if (!fstatfs(fd, &there) && there.f_type == CGROUP2_SUPER_MAGIC)
        return fd;
    close(fd);
    return refuse_cgroup(prog, EBADF, path, "not a directory of cgroup v2", hint);
}

static enum bpf_attach_type cgroup_point(const struct bpf_program *prog, const struct eu_target *target) {
    if (bpf_program__type(prog) == BPF_PROG_TYPE_CGROUP_SKB && eu_target_option(target, "egress"))
        return BPF_CGROUP_INET_EGRESS;
    if (bpf_program__type(prog) == BPF_PROG_TYPE_CGROUP_SKB && eu_target_option(target, "ingress"))
        return BPF_CGROUP_INET_INGRESS;
    return bpf_program__expected_attach_type(prog);
}

int eu_attach_cgroup(struct eu_object *object, int index, const struct eu_target *target) {
    const struct bpf_program *prog = object->progs[index];
    if (target->nr_options && bpf_program__type(prog) != BPF_PROG_TYPE_CGROUP_SKB)
        return eu_attach_failed(prog, EINVAL, "ingress and egress are for cgroup_skb programs");
    int cgroup = eu_cgroup_open(prog, target->name);
    if (cgroup < 0)
        return cgroup;
    eu_vanish_cgroup(object, index, cgroup);
    int fd = bpf_link_create(bpf_program__fd(prog), cgroup, cgroup_point(prog, target), NULL), err = errno;
    close(cgroup);
    if (fd >= 0)
        return eu_attachment_add_fd(object, index, fd);
    if (err == EPERM) {
        char hint[240];
        snprintf(hint, sizeof(hint), " [`bpftool cgroup tree` shows them; needs %s]", eu_attach_needs(prog));
        return refuse_cgroup(prog, err, target->name, "a program attached to it, or above it, allows no others, or privileges are missing",
                             hint);
    }
    if (err == EINVAL)
        return refuse_cgroup(prog, err, target->name, "this kernel does not attach this kind of program to control groups", "");
    if (err == ENODEV)
        return refuse_cgroup(prog, err, target->name, "it was removed", "");
    return refuse_cgroup(prog, err, target->name, eu_reason(err), "");
}

static void netns_path(const char *name, char *path, size_t room) {
    if (!strcmp(name, "self"))
        snprintf(path, room, "/proc/self/ns/net");
    else if (name[0] == '/')
        snprintf(path, room, "%s", name);
    else if (name[strspn(name, "0123456789")])
        snprintf(path, room, "/run/netns/%s", name);
    else
        snprintf(path, room, "/proc/%s/ns/net", name);
}

int eu_attach_netns(struct eu_object *object, int index, const char *name) {
    const struct bpf_program *prog = object->progs[index];
    char path[PATH_ROOM], why[500];
    netns_path(name, path, sizeof(path));
    int netns = open(path, O_RDONLY | O_CLOEXEC), err = errno;
    if (netns < 0) {
        snprintf(why, sizeof(why), "network namespace %.200s: %s%s", path, eu_reason(err),
                 err == ENOENT ? " [`ip netns` lists those with names; netns:PID is that of a process]" : "");
        return eu_attach_failed(prog, err, why);
    }
    int fd = bpf_link_create(bpf_program__fd(prog), netns, bpf_program__expected_attach_type(prog), NULL);
    err = errno;
    close(netns);
    if (fd >= 0)
        return eu_attachment_add_fd(object, index, fd);
    snprintf(why, sizeof(why), "network namespace %.200s: %s", path,
             err == EEXIST || err == E2BIG ? "as many programs as it takes are attached already [`bpftool link` shows them]"
             : err == EINVAL               ? "not a network namespace, or this kernel attaches no such programs by link [5.8 or newer]"
                                           : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

static const char *const hooks[] = {"prerouting", "input", "forward", "output", "postrouting"};
static const char *const hooks_in_kernel[] = {"pre_routing", "local_in", "forward", "local_out", "post_routing"};

/* "ipv4:local_in" -> protocol family and number of the hook. */
static int parse_hook(const struct bpf_program *prog, const char *name, uint32_t *family, uint32_t *hook) {
    char why[300];
    const char *colon = strchr(name, ':');
    size_t length = colon ? (size_t)(colon - name) : strlen(name);
    *family = length == 4 && !strncmp(name, "ipv4", 4) ? NFPROTO_IPV4 : length == 4 && !strncmp(name, "ipv6", 4) ? NFPROTO_IPV6 : 0;
    for (uint32_t i = 0; *family && colon && i < NF_INET_NUMHOOKS; i++)
        if (!strcmp(colon + 1, hooks[i]) || !strcmp(colon + 1, hooks_in_kernel[i])) {
            *hook = i;
            return 0;
        }
    snprintf(why, sizeof(why),
             "netfilter:%.100s: not of the form netfilter:FAMILY:HOOK [FAMILY: ipv4, ipv6; HOOK: prerouting, input, forward, output, "
             "postrouting]",
             name);
    return eu_attach_failed(prog, EINVAL, why);
}

int eu_attach_netfilter(struct eu_object *object, int index, const struct eu_target *target) {
    const struct bpf_program *prog = object->progs[index];
    LIBBPF_OPTS(bpf_link_create_opts, options);
    char why[300];
    long long priority = 0;
    int err = parse_hook(prog, target->name, &options.netfilter.pf, &options.netfilter.hooknum);
    if (err)
        return err;
    /* The kernel keeps both ends of the range to itself; 0 is where the filter table stands, and what it takes. */
    if (eu_target_number(target, "prio", INT32_MIN + 1, INT32_MAX - 1, &priority) < 0)
        return -EINVAL;
    options.netfilter.priority = priority;
    options.netfilter.flags = eu_target_option(target, "defrag") ? EU_F_NETFILTER_IP_DEFRAG : 0;
    int fd = bpf_link_create(bpf_program__fd(prog), 0, EU_ATTACH_NETFILTER, &options);
    if (fd >= 0)
        return eu_attachment_add_fd(object, index, fd);
    err = errno;
    snprintf(why, sizeof(why), "%.100s: %s", target->whole,
             err == EBUSY        ? "another BPF program has this priority there [prio=N]"
             : err == EINVAL     ? "this kernel has no netfilter links [6.4 or newer, CONFIG_NETFILTER_BPF_LINK]"
             : err == EOPNOTSUPP ? "this kernel does not put fragments together for it, or reserves this priority"
                                 : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}
