/* Filters of the clsact qdisc: ours, found again by handle, priority and program. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "guard.h"
#include "tc_filters.h"
#include "vanish.h"
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of several of our filters on one qdisc, the one that is detached last takes the qdisc with it. */
void eu_tc_pass_qdisc_on(struct eu_object *object, struct eu_attachment *from) {
    if (!from->undoing || from->undoing->kind != EU_UNDO_TC || !from->undoing->made_qdisc)
        return;
    for (struct eu_attachment *at = object->attachments; at; at = at->next)
        if (at->undoing && at->undoing->kind == EU_UNDO_TC && at->undoing->ifindex == from->undoing->ifindex) {
            eu_guard_qdisc(at, 1);
            eu_guard_qdisc(from, 0);
            return;
        }
}

static int refuse(const struct bpf_program *prog, int err, const struct eu_undo *undo) {
    char name[IF_NAMESIZE], why[200];
    if (!if_indextoname(undo->ifindex, name))
        snprintf(name, sizeof(name), "%u", undo->ifindex);
    if (err == EEXIST)
        snprintf(why, sizeof(why),
                 "interface %s: a filter with handle %u and priority %u is there already [choose others: tc:NAME:ingress,handle=N,prio=N, "
                 "or @tcopts]",
                 name, undo->handle, undo->priority);
    else
        snprintf(why, sizeof(why), "interface %s: %s", name, err == ENODEV ? "no such interface" : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

static int attach(struct eu_attachment *at, const struct bpf_program *prog, struct bpf_tc_hook *hook) {
    const struct eu_undo *undo = at->undoing;
    LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(prog), .handle = undo->handle, .priority = undo->priority);
    int made = bpf_tc_hook_create(hook);
    if ((!made || made == -EEXIST) && undo->made_qdisc != !made)
        eu_guard_qdisc(at, !made); /* somebody was faster */
    int err = made && made != -EEXIST ? -made : -bpf_tc_attach(hook, &opts);
    if (err && !made) {
        hook->attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS; /* both: the qdisc itself */
        bpf_tc_hook_destroy(hook);
    }
    return err;
}

int eu_attach_tc(struct eu_object *object, int index, const struct eu_attach_options *options) {
    const struct bpf_program *prog = object->progs[index];
    struct eu_undo undo;
    eu_undo_begin(&undo, EU_UNDO_TC, prog);
    undo.ifindex = (uint32_t)options->ifindex;
    undo.handle = options->handle ? options->handle : 1;
    undo.priority = options->priority ? options->priority : 1;
    undo.point = options->tc_point                                           ? (uint32_t)options->tc_point
                 : strstr(bpf_program__section_name(prog), "egress") != NULL ? BPF_TC_EGRESS
                                                                             : BPF_TC_INGRESS;
    undo.made_qdisc = !eu_tc_has_qdisc(options->ifindex);
    eu_vanish_interface(object, index, options->ifindex);
    struct eu_attachment *at = eu_guarded(object, index, &undo);
    if (!at)
        return -ENOMEM;
    struct bpf_tc_hook hook = {.sz = sizeof(hook), .ifindex = options->ifindex, .attach_point = undo.point};
    int err = attach(at, prog, &hook);
    if (!err)
        return 0;
    eu_unguard(object, at);
    return refuse(prog, err, &undo);
}
