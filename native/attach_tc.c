/* Filters of the clsact qdisc: ours, found again by handle, priority and program. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "tc_filters.h"
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bpf_tc_hook tc_hook(int ifindex, int point) {
    return (struct bpf_tc_hook){.sz = sizeof(struct bpf_tc_hook), .ifindex = ifindex, .attach_point = point};
}

static void undo_tc(struct eu_attachment *at) {
    struct bpf_tc_hook hook = tc_hook(at->ifindex, at->tc_point);
    LIBBPF_OPTS(bpf_tc_opts, there, .handle = at->handle, .priority = at->priority);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = at->handle, .priority = at->priority);
    if (!bpf_tc_query(&hook, &there) && there.prog_id == at->prog_id) /* else somebody has put theirs in its place */
        bpf_tc_detach(&hook, &options);
    if (at->made_qdisc && !eu_tc_has_filters(at->ifindex)) { /* others may have come to rely on it */
        hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;  /* both: the qdisc itself, which we made */
        bpf_tc_hook_destroy(&hook);
    }
}

int eu_attach_tc(struct eu_object *object, int index, const struct eu_attach_options *options) {
    const struct bpf_program *prog = object->progs[index];
    const char *section = bpf_program__section_name(prog);
    int ifindex = options->ifindex;
    int point = options->tc_point ? options->tc_point : strstr(section, "egress") ? BPF_TC_EGRESS : BPF_TC_INGRESS;
    struct bpf_tc_hook hook = tc_hook(ifindex, point);
    LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(prog), .handle = options->handle ? options->handle : 1,
                .priority = options->priority ? options->priority : 1);
    char name[IF_NAMESIZE], why[200];
    struct eu_attachment *at = eu_attachment_add(object, index);
    if (!at)
        return -ENOMEM;
    int made = bpf_tc_hook_create(&hook);
    int err = made && made != -EEXIST ? -made : -bpf_tc_attach(&hook, &opts);
    if (!err) {
        *at = (struct eu_attachment){at->next,    index,         NULL,         -1,    undo_tc, ifindex, 0,
                                     opts.handle, opts.priority, opts.prog_id, point, !made,   NULL,    0};
        return 0;
    }
    if (!made) {
        hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
        bpf_tc_hook_destroy(&hook);
    }
    object->attachments = at->next;
    free(at);
    if (!if_indextoname(ifindex, name))
        snprintf(name, sizeof(name), "%d", ifindex);
    if (err == EEXIST)
        snprintf(why, sizeof(why),
                 "interface %s: a filter with handle %u and priority %u is there already [choose others: tc:NAME:ingress,handle=N,prio=N, "
                 "or @tcopts]",
                 name, opts.handle, opts.priority);
    else
        snprintf(why, sizeof(why), "interface %s: %s", name, err == ENODEV ? "no such interface" : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}
