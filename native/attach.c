/* Attaching a program as its section says, and undoing exactly that. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "object.h"
#include "vanish.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int starts(const char *section, const char *prefix) {
    return !strncmp(section, prefix, strlen(prefix));
}

static int is_device(enum bpf_prog_type type) {
    return type == BPF_PROG_TYPE_XDP || type == BPF_PROG_TYPE_SCHED_CLS;
}

/* "tc" matches "tc" and "tc/ingress", not "tcx/ingress". */
static int is_family(const char *section, const char *family) {
    size_t length = strlen(family);
    return starts(section, family) && (!section[length] || section[length] == '/');
}

struct eu_attachment *eu_attachment_add(struct eu_object *object, int prog) {
    struct eu_attachment *at = calloc(1, sizeof(*at));
    if (!at)
        return eu_fail_null(ENOMEM, "attach: out of memory");
    at->prog = prog;
    at->fd = -1;
    at->next = object->attachments;
    object->attachments = at;
    return at;
}

int eu_attachment_add_link(struct eu_object *object, int prog, struct bpf_link *link) {
    struct eu_attachment *at = eu_attachment_add(object, prog);
    if (!at) {
        bpf_link__destroy(link);
        return -ENOMEM;
    }
    at->link = link;
    return 0;
}

int eu_attachment_add_fd(struct eu_object *object, int prog, int fd) {
    struct eu_attachment *at = eu_attachment_add(object, prog);
    if (!at) {
        close(fd);
        return -ENOMEM;
    }
    at->fd = fd;
    return 0;
}

int eu_attach_failed(const struct bpf_program *prog, int err, const char *what) {
    char needs[160] = "";
    if ((err == EPERM || err == EACCES) && !(what && strchr(what, '[')))
        snprintf(needs, sizeof(needs), " [needs %s; run with sudo]", eu_attach_needs(prog));
    return eu_fail(err, "attach program %s (%s): %s%s", bpf_program__name(prog), bpf_program__section_name(prog),
                   what ? what : eu_reason(err), needs);
}

static const char *target_of(const struct bpf_program *prog) {
    const char *slash = strchr(bpf_program__section_name(prog), '/');
    return slash ? slash + 1 : "";
}

/* libbpf forgets how to attach a program whose type was set at load (handlers.c): its type says it as well. */
static struct bpf_link *link_by_type(const struct bpf_program *prog) {
    uint32_t type = bpf_program__type(prog), attach = bpf_program__expected_attach_type(prog);
    if (type == BPF_PROG_TYPE_TRACING)
        return bpf_program__attach_trace(prog);
    if (type == BPF_PROG_TYPE_LSM && attach == BPF_LSM_MAC)
        return bpf_program__attach_lsm(prog);
    return bpf_program__attach(prog);
}

static int attach_by_section(struct eu_object *object, int index) {
    struct bpf_program *prog = object->progs[index];
    char why[600];
    struct bpf_link *link = link_by_type(prog);
    if (link)
        return eu_attachment_add_link(object, index, link);
    int err = errno;
    eu_attach_cause(prog, err, why, sizeof(why));
    return eu_attach_failed(prog, err, *why ? why : NULL);
}

static int needs_target(const struct bpf_program *prog) {
    char why[700], forms[500];
    eu_target_forms(prog, forms, sizeof(forms));
    const char *shorter = strncmp(forms, "cgroup:", 7) ? "" : "--attach-cgroup PATH, or ";
    snprintf(why, sizeof(why), "its section does not say where to attach [%s--attach %s=%s]", shorter, bpf_program__name(prog), forms);
    return eu_attach_failed(prog, EDESTADDRREQ, why);
}

/* Programs of tracepoints, kernel and user functions. Raw tracepoints that a handler took are of another type once they are loaded. */
static int is_probe(const struct bpf_program *prog) {
    enum bpf_prog_type type = bpf_program__type(prog);
    return type == BPF_PROG_TYPE_KPROBE || type == BPF_PROG_TYPE_TRACEPOINT || type == BPF_PROG_TYPE_RAW_TRACEPOINT ||
           type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE;
}

/* As its section and the package's annotations say. */
static int attach_by_default(struct eu_object *object, int index, const struct eu_attach_options *options) {
    const struct bpf_program *prog = object->progs[index];
    const char *section = bpf_program__section_name(prog), *target = target_of(prog);
    char forms[500];
    if (is_family(section, "perf_event"))
        return eu_attach_perf_event(object, index, options);
    if (is_device(bpf_program__type(prog)))
        return eu_attach_device(object, index, options, NULL);
    if (is_probe(prog) && *target)
        return eu_attach_probe_of_section(object, index, options->pid);
    switch (bpf_program__type(prog)) {
    case BPF_PROG_TYPE_SK_LOOKUP:
    case BPF_PROG_TYPE_FLOW_DISSECTOR:
        return eu_attach_netns(object, index, "self");
    case BPF_PROG_TYPE_SK_MSG:
    case BPF_PROG_TYPE_SK_SKB:
        return eu_attach_map(object, index, "");
    case BPF_PROG_TYPE_STRUCT_OPS:
        return eu_attach_struct_ops(object, index);
    case BPF_PROG_TYPE_TRACING:
        return bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER ? eu_attach_iter(object, index, NULL)
                                                                         : attach_by_section(object, index);
    default:
        break;
    }
    eu_target_forms(prog, forms, sizeof(forms));
    if (*forms && !*target)
        return needs_target(prog);
    if (eu_target_fits(TARGET_CGROUP, prog) || eu_target_fits(TARGET_SOCKET, prog) || eu_target_fits(TARGET_NETFILTER, prog))
        return needs_target(prog);
    return attach_by_section(object, index);
}

static int attach_chosen_perf(struct eu_object *object, int index, struct eu_attach_options options, const struct eu_target *target) {
    int err = eu_perf_target(target, &options);
    return err ? err : eu_attach_perf_event(object, index, &options);
}

/* To what was chosen for it. */
static int attach_to(struct eu_object *object, int index, const struct eu_attach_options *options, struct eu_target *target) {
    long long pid = options->pid;
    if (eu_target_number(target, "pid", 1, INT32_MAX, &pid) < 0)
        return -EINVAL;
    switch (target->kind) {
    case TARGET_IFACE:
    case TARGET_TC:
    case TARGET_TCX:
    case TARGET_NETKIT:
        return eu_attach_device(object, index, options, target);
    case TARGET_CGROUP:
        return eu_attach_cgroup(object, index, target);
    case TARGET_NETNS:
        return eu_attach_netns(object, index, target->name);
    case TARGET_NETFILTER:
        return eu_attach_netfilter(object, index, target);
    case TARGET_MAP:
        return eu_attach_map(object, index, target->name);
    case TARGET_SOCKET:
        return eu_attach_socket(object, index, target);
    case TARGET_PERF:
        return attach_chosen_perf(object, index, *options, target);
    case TARGET_KPROBE:
    case TARGET_UPROBE:
    case TARGET_USDT:
    case TARGET_TP:
    case TARGET_RAW_TP:
        return eu_attach_probe(object, index, target->kind, target->name, (int)pid);
    case TARGET_ITER:
        return eu_attach_iter(object, index, target);
    case TARGET_ROUTE:
        return eu_attach_route(object, index, target);
    case TARGET_PROG:
        return eu_attach_prog(object, index, target);
    default:
        return -EINVAL;
    }
}

static int attach_one(struct eu_object *object, int index, const struct eu_attach_options *options) {
    const struct bpf_program *prog = object->progs[index];
    char why[900], forms[500];
    if (!options->target)
        return attach_by_default(object, index, options);
    struct eu_target *target = malloc(sizeof(*target));
    if (!target)
        return eu_fail(ENOMEM, "attach program %s: out of memory", bpf_program__name(prog));
    int err = eu_target_parse(options->target, target);
    if (!err && !eu_target_fits(target->kind, prog)) {
        eu_target_forms(prog, forms, sizeof(forms));
        snprintf(why, sizeof(why), "%.200s is no target for it [%s]", options->target,
                 *forms ? forms : "its section alone says where it attaches");
        err = eu_attach_failed(prog, EINVAL, why);
    } else if (!err)
        err = attach_to(object, index, options, target);
    free(target);
    return err;
}

/* Let go of a pinned link without detaching it. The perf event of a probe, which libbpf opened, stays open until this process ends: libbpf
 * gives it to nobody, and would switch it off. */
static void let_go(struct eu_attachment *at) {
    int fd = at->link ? bpf_link__fd(at->link) : at->fd;
    if (at->link) {
        bpf_link__disconnect(at->link);
        bpf_link__destroy(at->link);
    }
    if (at->perf_fd && at->perf_fd != fd)
        close(at->perf_fd);
    close(fd);
    free(at);
}

static void undo(struct eu_attachment *at) {
    if (at->pinned) {
        let_go(at);
        return;
    }
    if (at->undo)
        at->undo(at);
    if (at->link)
        bpf_link__destroy(at->link);
    else if (at->fd >= 0)
        close(at->fd);
    free(at);
}

static void detach_at(struct eu_object *object, struct eu_attachment **at) {
    struct eu_attachment *one = *at;
    *at = one->next;
    eu_vanish_forget(object, one);
    eu_tc_pass_qdisc_on(object, one);
    undo(one);
}

int eu_prog_detach(struct eu_object *object, int index) {
    if (!eu_prog(object, index))
        return -EINVAL;
    for (struct eu_attachment **at = &object->attachments; *at;)
        if ((*at)->prog == index)
            detach_at(object, at);
        else
            at = &(*at)->next;
    return 0;
}

int eu_detach_number(struct eu_object *object, uint32_t number) {
    int count = 0;
    for (struct eu_attachment **at = &object->attachments; *at;)
        if ((*at)->number == number) {
            detach_at(object, at);
            count++;
        } else
            at = &(*at)->next;
    return count;
}

void eu_detach_all(struct eu_object *object) {
    while (object->attachments) {
        struct eu_attachment *one = object->attachments;
        object->attachments = one->next;
        eu_vanish_forget(object, one);
        undo(one);
    }
}

int eu_prog_attach(struct eu_object *object, int index, const struct eu_attach_options *options) {
    const struct bpf_program *prog = eu_prog(object, index);
    const struct eu_attachment *before = object->attachments;
    if (!prog)
        return -EINVAL;
    if (!object->loaded || bpf_program__fd(prog) < 0)
        return eu_attach_failed(prog, EINVAL, "it is not loaded");
    eu_log_start();
    eu_error_clear();
    int err = attach_one(object, index, options);
    while (err && object->attachments != before) { /* of several CPUs the first may have worked */
        struct eu_attachment *one = object->attachments;
        object->attachments = one->next;
        undo(one);
    }
    eu_vanish_attached(object, before);
    return err;
}
