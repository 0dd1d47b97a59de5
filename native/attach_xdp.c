/* XDP: by link where nothing is replaced, else by netlink, putting back what was there. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "guard.h"
#include "vanish.h"
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct occupant {
    uint32_t id, mode; /* 0: the slot is free; XDP_FLAGS_*_MODE */
    char words[64];    /* " (id 7, name)" */
};

static void name_it(struct occupant *there) {
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);
    int fd = bpf_prog_get_fd_by_id(there->id);
    if (fd < 0)
        return;
    if (!bpf_prog_get_info_by_fd(fd, &info, &size))
        snprintf(there->words, sizeof(there->words), " (id %u, %s)", there->id, info.name[0] ? info.name : "without a name");
    close(fd);
}

static struct occupant occupant_of(int ifindex, uint32_t flags) {
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    struct occupant there = {0, 0, ""};
    if (bpf_xdp_query(ifindex, 0, &query))
        return there;
    struct {
        uint32_t id, mode;
    } slots[] = {{query.drv_prog_id, XDP_FLAGS_DRV_MODE}, {query.skb_prog_id, XDP_FLAGS_SKB_MODE}, {query.hw_prog_id, XDP_FLAGS_HW_MODE}};
    for (int i = 0; i < 3 && !there.id; i++)
        if (slots[i].id && (!(flags & XDP_FLAGS_MODES) || flags & slots[i].mode)) {
            there.id = slots[i].id;
            there.mode = slots[i].mode;
        }
    if (there.id)
        name_it(&there);
    return there;
}

static int xdp_failed(const struct bpf_program *prog, int err, int ifindex, uint32_t flags, int replace) {
    char name[IF_NAMESIZE], why[300];
    if (!if_indextoname(ifindex, name))
        snprintf(name, sizeof(name), "%d", ifindex);
    if (err == EBUSY || err == EEXIST) {
        struct occupant there = occupant_of(ifindex, 0);
        snprintf(why, sizeof(why), "interface %s: another XDP program is attached there%s [%s]", name, there.words,
                 replace || eu_probe_xdp_link(ifindex, (int)there.id) > 0
                     ? "by a link, which nobody else can replace: end the process that holds it"
                     : "end it, or take its place for a while: iface:NAME,replace");
    } else
        snprintf(why, sizeof(why), "interface %s: %s", name,
                 err == ENODEV       ? "no such interface"
                 : err == EOPNOTSUPP ? flags & XDP_FLAGS_HW_MODE
                                           ? "its driver has no such XDP mode [iface:NAME,generic works with every interface]"
                                           : "its driver has no native XDP mode [iface:NAME,generic works with every interface]"
                                     : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

/* The program that it takes the place of: 0 none, a descriptor in undo->other_fd; -errno. */
static int find_old(struct eu_undo *undo) {
    struct occupant there = occupant_of((int)undo->ifindex, undo->flags);
    if (!there.id)
        return 0;
    int old = bpf_prog_get_fd_by_id(there.id);
    if (old < 0)
        return -errno;
    undo->other_fd = old;
    undo->flags = there.mode;
    return 1;
}

static int by_netlink(struct eu_object *object, int index, uint32_t flags, const struct eu_attach_options *options, int replace) {
    const struct bpf_program *prog = object->progs[index];
    LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = options->old_prog_fd > 0 ? options->old_prog_fd : 0);
    struct eu_undo undo;
    eu_undo_begin(&undo, EU_UNDO_XDP, prog);
    undo.ifindex = (uint32_t)options->ifindex;
    undo.flags = flags & XDP_FLAGS_MODES;
    undo.fd = bpf_program__fd(prog);
    int found = replace ? find_old(&undo) : 0;
    if (found < 0)
        return -found;
    if (found) {
        flags = (flags & ~XDP_FLAGS_UPDATE_IF_NOEXIST) | XDP_FLAGS_REPLACE | undo.flags;
        opts.old_prog_fd = undo.other_fd;
    }
    struct eu_attachment *at = eu_guarded(object, index, &undo);
    int err = at ? -bpf_xdp_attach(options->ifindex, undo.fd, flags, &opts) : ENOMEM;
    if (err && at)
        eu_unguard(object, at);
    if (err && undo.other_fd >= 0)
        close(undo.other_fd);
    return err;
}

int eu_attach_xdp(struct eu_object *object, int index, const struct eu_attach_options *options, int replace) {
    const struct bpf_program *prog = object->progs[index];
    uint32_t modes = options->flags & XDP_FLAGS_MODES, flags = options->flags;
    int err = 0, netlink = flags != modes || options->old_prog_fd > 0;
    eu_vanish_interface(object, index, options->ifindex);
    if (!netlink) { /* a link: gone with the process */
        LIBBPF_OPTS(bpf_link_create_opts, create, .flags = options->flags);
        int fd = bpf_link_create(bpf_program__fd(prog), options->ifindex, BPF_XDP, &create);
        if (fd >= 0)
            return eu_attachment_add_fd(object, index, fd);
        err = errno;
        netlink = err == EINVAL || (replace && (err == EBUSY || err == EEXIST)); /* EINVAL: a kernel before 5.9 */
        if (netlink)
            flags |= XDP_FLAGS_UPDATE_IF_NOEXIST; /* as a link would refuse to replace another's program */
    }
    if (netlink)
        err = by_netlink(object, index, flags, options, replace);
    return err ? xdp_failed(prog, err, options->ifindex, options->flags, replace) : 0;
}
