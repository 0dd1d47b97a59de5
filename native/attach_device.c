/* Programs of network devices: XDP, tc, tcx, netkit; how a target's words become their options. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "uapi.h"
#include "vanish.h"
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOPBACK = 1 };

static int find_interface(const struct bpf_program *prog, const char *name, int *ifindex) {
    char why[200], *end;
    long number = strtol(name, &end, 10);
    *ifindex = *name && !*end && number > 0 && number <= INT32_MAX ? (int)number : (int)if_nametoindex(name);
    if (*ifindex)
        return 0;
    snprintf(why, sizeof(why), "interface %.100s: no such interface [`ip link` shows those of this network namespace]", name);
    return eu_attach_failed(prog, ENODEV, why);
}

/* NAME[:SIDE]; the side stays "" where it is not given. */
static int split(const struct bpf_program *prog, const struct eu_target *target, const char *first, const char *second, int *ifindex,
                 const char **side) {
    char name[256], why[300];
    const char *colon = strrchr(target->name, ':');
    *side = colon ? colon + 1 : "";
    snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - target->name) : (int)strlen(target->name), target->name);
    if (**side && strcmp(*side, first) && strcmp(*side, second)) {
        snprintf(why, sizeof(why), "%.100s: %.40s is neither %s nor %s", target->whole, *side, first, second);
        return eu_attach_failed(prog, EINVAL, why);
    }
    return find_interface(prog, name, ifindex);
}

static int link_failed(const struct bpf_program *prog, int err, const char *kind, int ifindex) {
    char name[IF_NAMESIZE] = "", why[240];
    const char *cause = eu_reason(err);
    if (err == EINVAL)
        cause = strcmp(kind, "tcx") ? "this kernel has no links of netkit devices [6.7 or newer]"
                                    : "this kernel has no tcx [6.6 or newer; tc:NAME works with every kernel]";
    else if (err == ENODEV)
        cause = "no such interface";
    else if (err == EACCES)
        cause = "it is no netkit device, or not its primary";
    if (!if_indextoname(ifindex, name))
        snprintf(name, sizeof(name), "%d", ifindex);
    snprintf(why, sizeof(why), "%s, interface %s: %s", kind, name, cause);
    return eu_attach_failed(prog, err, why);
}

/* Links that stand in a row on one device: this one first, or last as by default. */
static int attach_row(struct eu_object *object, int index, const char *kind, int ifindex, int where, int first) {
    const struct bpf_program *prog = object->progs[index];
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = first ? EU_F_BEFORE : 0);
    eu_vanish_interface(object, index, ifindex);
    int fd = bpf_link_create(bpf_program__fd(prog), ifindex, where, &options);
    return fd < 0 ? link_failed(prog, errno, kind, ifindex) : eu_attachment_add_fd(object, index, fd);
}

static int attach_tcx(struct eu_object *object, int index, int ifindex, const char *side, int first) {
    int out = *side ? !strcmp(side, "egress") : strstr(bpf_program__section_name(object->progs[index]), "egress") != NULL;
    return attach_row(object, index, "tcx", ifindex, out ? EU_ATTACH_TCX_EGRESS : EU_ATTACH_TCX_INGRESS, first);
}

static int attach_netkit(struct eu_object *object, int index, int ifindex, const char *side, int first) {
    int peer = *side ? !strcmp(side, "peer") : strstr(bpf_program__section_name(object->progs[index]), "peer") != NULL;
    return attach_row(object, index, "netkit", ifindex, peer ? EU_ATTACH_NETKIT_PEER : EU_ATTACH_NETKIT_PRIMARY, first);
}

static int xdp_modes(const struct bpf_program *prog, const struct eu_target *target, uint32_t *flags) {
    static const struct {
        const char *word;
        uint32_t flag;
    } modes[] = {{"native", XDP_FLAGS_DRV_MODE}, {"generic", XDP_FLAGS_SKB_MODE}, {"offload", XDP_FLAGS_HW_MODE}};
    uint32_t chosen = 0;
    for (int i = 0; i < 3; i++)
        if (eu_target_option(target, modes[i].word)) {
            if (chosen)
                return eu_attach_failed(prog, EINVAL, "native, generic and offload exclude each other");
            chosen = modes[i].flag;
        }
    if (chosen)
        *flags = (*flags & ~XDP_FLAGS_MODES) | chosen;
    return 0;
}

static int only_for_xdp(const struct bpf_program *prog, const struct eu_target *target) {
    char why[200];
    if (!target->nr_options)
        return 0;
    snprintf(why, sizeof(why), "option %.40s is for XDP programs [tc:NAME:ingress,handle=N,prio=N for this one]", target->options[0].key);
    return eu_attach_failed(prog, EINVAL, why);
}

static int tc_options(const struct eu_target *target, const char *side, struct eu_attach_options *options) {
    long long handle = options->handle, priority = options->priority;
    if (eu_target_number(target, "handle", 1, UINT32_MAX, &handle) < 0 || eu_target_number(target, "prio", 1, UINT16_MAX, &priority) < 0)
        return -EINVAL;
    options->handle = handle;
    options->priority = priority;
    if (*side)
        options->tc_point = strcmp(side, "egress") ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    return 0;
}

static int attach_row_target(struct eu_object *object, int index, const struct eu_target *target) {
    const struct bpf_program *prog = object->progs[index];
    int ifindex, first = eu_target_option(target, "first") != NULL;
    const char *side;
    if (first && eu_target_option(target, "last"))
        return eu_attach_failed(prog, EINVAL, "first and last exclude each other");
    int is_tcx = target->kind == TARGET_TCX;
    int err = split(prog, target, is_tcx ? "ingress" : "primary", is_tcx ? "egress" : "peer", &ifindex, &side);
    if (err)
        return err;
    return is_tcx ? attach_tcx(object, index, ifindex, side, first) : attach_netkit(object, index, ifindex, side, first);
}

/* The interface alone; the section says which of the ways. */
static int attach_by_section(struct eu_object *object, int index, struct eu_attach_options *options) {
    const struct bpf_program *prog = object->progs[index];
    const char *section = bpf_program__section_name(prog);
    if (!options->ifindex)
        options->ifindex = LOOPBACK;
    if (!strncmp(section, "tcx", 3))
        return attach_tcx(object, index, options->ifindex, "", 0);
    if (!strncmp(section, "netkit", 6))
        return attach_netkit(object, index, options->ifindex, "", 0);
    return eu_attach_tc(object, index, options);
}

int eu_attach_device(struct eu_object *object, int index, const struct eu_attach_options *given, const struct eu_target *target) {
    const struct bpf_program *prog = object->progs[index];
    struct eu_attach_options options = *given;
    int is_xdp = bpf_program__type(prog) == BPF_PROG_TYPE_XDP, err = 0;
    const char *side;
    if (target && (target->kind == TARGET_TCX || target->kind == TARGET_NETKIT))
        return attach_row_target(object, index, target);
    if (target && target->kind == TARGET_TC) {
        err = split(prog, target, "ingress", "egress", &options.ifindex, &side);
        err = err ? err : tc_options(target, side, &options);
        return err ? err : eu_attach_tc(object, index, &options);
    }
    if (target)
        err = find_interface(prog, target->name, &options.ifindex);
    if (!err && target)
        err = is_xdp ? xdp_modes(prog, target, &options.flags) : only_for_xdp(prog, target);
    if (err)
        return err;
    if (!options.ifindex)
        options.ifindex = LOOPBACK;
    return is_xdp ? eu_attach_xdp(object, index, &options, target && eu_target_option(target, "replace"))
                  : attach_by_section(object, index, &options);
}
