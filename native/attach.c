/* Attaching a program as its section says, and undoing exactly that. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "object.h"
#include "tc_filters.h"
#include "tracefs.h"
#include <errno.h>
#include <linux/if_link.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEFAULT_FREQUENCY = 49, LOOPBACK = 1 };

static int starts(const char *section, const char *prefix) {
    return !strncmp(section, prefix, strlen(prefix));
}

/* "tc" matches "tc" and "tc/ingress", not "tcx/ingress". */
static int is_family(const char *section, const char *family) {
    size_t length = strlen(family);
    return starts(section, family) && (!section[length] || section[length] == '/');
}

static struct eu_attachment *add(struct eu_object *object, int prog) {
    struct eu_attachment *at = calloc(1, sizeof(*at));
    if (!at)
        return eu_fail_null(ENOMEM, "attach: out of memory");
    at->prog = prog;
    at->fd = -1;
    at->next = object->attachments;
    object->attachments = at;
    return at;
}

static int add_link(struct eu_object *object, int prog, struct bpf_link *link) {
    struct eu_attachment *at = add(object, prog);
    if (!at) {
        bpf_link__destroy(link);
        return -ENOMEM;
    }
    at->link = link;
    return 0;
}

static int failed(const struct bpf_program *prog, int err, const char *what) {
    return eu_fail(err, "attach program %s (%s): %s%s", bpf_program__name(prog), bpf_program__section_name(prog),
                   what ? what : eu_reason(err), err == EPERM || err == EACCES ? " [needs CAP_BPF and CAP_PERFMON; run with sudo]" : "");
}

static int open_perf(struct perf_event_attr *attr, int pid, int cpu) {
    attr->size = sizeof(*attr);
    return syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int attach_perf_fd(struct eu_object *object, int index, int fd) {
    struct bpf_link *link = bpf_program__attach_perf_event(object->progs[index], fd);
    if (link)
        return add_link(object, index, link);
    int err = errno;
    close(fd);
    return failed(object->progs[index], err, NULL);
}

static int is_tracepoint(const char *section) {
    return is_family(section, "tp") || is_family(section, "tracepoint");
}

static const char *target_of(const struct bpf_program *prog) {
    const char *slash = strchr(bpf_program__section_name(prog), '/');
    return slash ? slash + 1 : "";
}

void eu_tracepoints_resolve(struct eu_object *object) {
    if (!(object->tracepoints = calloc(object->nr_progs + 1, sizeof(*object->tracepoints))))
        return; /* each is read when it attaches */
    for (int i = 0; i < object->nr_progs; i++) {
        const struct bpf_program *prog = object->progs[i];
        if (!is_tracepoint(bpf_program__section_name(prog)) || !bpf_program__autoload(prog))
            continue;
        int id = eu_tracepoint_id(target_of(prog));
        object->tracepoints[i] = id > 0 ? id : 0; /* what is missing is said when it attaches */
    }
    eu_error_clear();
}

static int attach_tracepoint(struct eu_object *object, int index, const char *target) {
    const struct bpf_program *prog = object->progs[index];
    char why[512];
    int known = object->tracepoints && target_of(prog) == target ? object->tracepoints[index] : 0;
    int id = known ? known : eu_tracepoint_id(target);
    if (id < 0) {
        snprintf(why, sizeof(why), "%s", eu_error());
        return eu_fail(-id, "attach program %s: %s", bpf_program__name(prog), why);
    }
    struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .config = id, .sample_period = 1};
    int fd = open_perf(&attr, -1, 0);
    return fd < 0 ? failed(prog, errno, NULL) : attach_perf_fd(object, index, fd);
}

/* "0-3,8": call with each. */
static int each_online_cpu(int (*call)(void *context, int cpu), void *context) {
    char text[4096] = "0";
    FILE *file = fopen("/sys/devices/system/cpu/online", "re");
    if (file) {
        if (!fgets(text, sizeof(text), file))
            text[0] = '0';
        fclose(file);
    }
    for (char *at = text; *at >= '0' && *at <= '9';) {
        long from = strtol(at, &at, 10), to = from;
        if (*at == '-')
            to = strtol(at + 1, &at, 10);
        for (long cpu = from; cpu <= to; cpu++) {
            int err = call(context, cpu);
            if (err)
                return err;
        }
        if (*at == ',')
            at++;
    }
    return 0;
}

struct perf_request {
    struct eu_object *object;
    int prog, pid;
    struct perf_event_attr attr;
};

static int attach_perf_cpu(void *context, int cpu) {
    struct perf_request *request = context;
    int fd = open_perf(&request->attr, request->pid, cpu);
    if (fd < 0 && errno == ENODEV && cpu >= 0) /* went offline meanwhile */
        return 0;
    if (fd < 0)
        return failed(request->object->progs[request->prog], errno,
                      errno == ENOENT ? "this machine has no such performance event (no PMU?) [use a software event]" : NULL);
    return attach_perf_fd(request->object, request->prog, fd);
}

static int attach_perf_event(struct eu_object *object, int index, const struct eu_attach_options *options) {
    struct perf_request request = {.object = object, .prog = index, .pid = options->pid};
    struct perf_event_attr *attr = &request.attr;
    attr->type = options->perf_type < 0 ? PERF_TYPE_SOFTWARE : options->perf_type;
    attr->config = options->perf_type < 0 ? PERF_COUNT_SW_CPU_CLOCK : options->perf_config;
    attr->freq = !options->perf_sample || options->perf_frequency;
    attr->sample_period = options->perf_sample ? options->perf_sample : DEFAULT_FREQUENCY;
    if (options->cpu >= 0 || options->pid > 0)
        return attach_perf_cpu(&request, options->cpu);
    return each_online_cpu(attach_perf_cpu, &request);
}

static const char *interface(int ifindex, char *name) {
    if (!if_indextoname(ifindex, name))
        snprintf(name, IF_NAMESIZE, "%d", ifindex);
    return name;
}

static void undo_xdp(struct eu_attachment *at) {
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = at->fd);
    bpf_xdp_detach(at->ifindex, at->flags, &options);
    at->fd = -1; /* the program's, not ours to close */
}

static int attach_xdp(struct eu_object *object, int index, const struct eu_attach_options *options) {
    const struct bpf_program *prog = object->progs[index];
    int ifindex = options->ifindex ? options->ifindex : LOOPBACK, fd = bpf_program__fd(prog), err = 0;
    char name[IF_NAMESIZE], why[160];
    struct eu_attachment *at = add(object, index);
    if (!at)
        return -ENOMEM;
    uint32_t modes = options->flags & XDP_FLAGS_MODES, flags = options->flags;
    int by_netlink = flags != modes || options->old_prog_fd > 0;
    if (!by_netlink) { /* a link: gone with the process */
        LIBBPF_OPTS(bpf_link_create_opts, create, .flags = options->flags);
        at->fd = bpf_link_create(fd, ifindex, BPF_XDP, &create);
        err = at->fd < 0 ? errno : 0;
        by_netlink = err == EINVAL; /* a kernel before 5.9 */
        if (by_netlink)
            flags |= XDP_FLAGS_UPDATE_IF_NOEXIST; /* as a link would refuse to replace another's program */
    }
    if (by_netlink) {
        LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = options->old_prog_fd > 0 ? options->old_prog_fd : 0);
        err = -bpf_xdp_attach(ifindex, fd, flags, &opts);
        if (!err)
            *at = (struct eu_attachment){at->next, index, NULL, fd, undo_xdp, ifindex, modes, 0, 0, 0, 0, 0};
    }
    if (!err)
        return 0;
    object->attachments = at->next;
    free(at);
    snprintf(why, sizeof(why), "interface %s: %s", interface(ifindex, name),
             err == EBUSY || err == EEXIST ? "another XDP program is attached there"
             : err == ENODEV               ? "no such interface"
             : err == EOPNOTSUPP           ? "its driver has no such XDP mode"
                                           : eu_reason(err));
    return failed(prog, err, why);
}

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

static int attach_tc(struct eu_object *object, int index, const struct eu_attach_options *options) {
    const struct bpf_program *prog = object->progs[index];
    const char *section = bpf_program__section_name(prog);
    int ifindex = options->ifindex ? options->ifindex : LOOPBACK;
    int point = options->tc_point ? options->tc_point : strstr(section, "egress") ? BPF_TC_EGRESS : BPF_TC_INGRESS;
    struct bpf_tc_hook hook = tc_hook(ifindex, point);
    LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(prog), .handle = options->handle ? options->handle : 1,
                .priority = options->priority ? options->priority : 1);
    char name[IF_NAMESIZE], why[200];
    struct eu_attachment *at = add(object, index);
    if (!at)
        return -ENOMEM;
    int made = bpf_tc_hook_create(&hook);
    int err = made && made != -EEXIST ? -made : -bpf_tc_attach(&hook, &opts);
    if (!err) {
        *at =
            (struct eu_attachment){at->next, index, NULL, -1, undo_tc, ifindex, 0, opts.handle, opts.priority, opts.prog_id, point, !made};
        return 0;
    }
    if (!made) {
        hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
        bpf_tc_hook_destroy(&hook);
    }
    object->attachments = at->next;
    free(at);
    if (err == EEXIST)
        snprintf(why, sizeof(why), "interface %s: a filter with handle %u and priority %u is there already [choose others with @tcopts]",
                 interface(ifindex, name), opts.handle, opts.priority);
    else
        snprintf(why, sizeof(why), "interface %s: %s", interface(ifindex, name), err == ENODEV ? "no such interface" : eu_reason(err));
    return failed(prog, err, why);
}

static int attach_link(struct eu_object *object, int index, struct bpf_link *link) {
    return link ? add_link(object, index, link) : failed(object->progs[index], errno, NULL);
}

/* libbpf forgets how to attach a program whose type was set at load (handlers.c): its type says it as well. */
static struct bpf_link *link_by_type(const struct bpf_program *prog) {
    uint32_t type = bpf_program__type(prog), attach = bpf_program__expected_attach_type(prog);
    if (type == BPF_PROG_TYPE_TRACING)
        return attach == BPF_TRACE_ITER ? bpf_program__attach_iter(prog, NULL) : bpf_program__attach_trace(prog);
    if (type == BPF_PROG_TYPE_LSM && attach == BPF_LSM_MAC)
        return bpf_program__attach_lsm(prog);
    return bpf_program__attach(prog);
}

static int attach_by_section(struct eu_object *object, int index) {
    struct bpf_program *prog = object->progs[index];
    char why[600];
    struct bpf_link *link = link_by_type(prog);
    if (link)
        return add_link(object, index, link);
    int err = errno;
    eu_attach_cause(prog, err, why, sizeof(why));
    return failed(prog, err, *why ? why : NULL);
}

static int attach_uprobe(struct eu_object *object, int index, const char *target, int pid) {
    char why[600] = "";
    struct bpf_link *link = eu_attach_uprobe(object->progs[index], target, pid, why, sizeof(why));
    return link ? add_link(object, index, link) : failed(object->progs[index], errno, why);
}

static int attach_raw_tracepoint(struct eu_object *object, int index, const char *name) {
    struct bpf_link *link = bpf_program__attach_raw_tracepoint(object->progs[index], name);
    if (link)
        return add_link(object, index, link);
    char why[600];
    int err = errno == EINVAL ? ENOENT : errno;
    eu_attach_cause(object->progs[index], err, why, sizeof(why));
    return failed(object->progs[index], err, *why ? why : NULL);
}

static int attach_one(struct eu_object *object, int index, const struct eu_attach_options *options) {
    const struct bpf_program *prog = object->progs[index];
    const char *section = bpf_program__section_name(prog), *slash = strchr(section, '/');
    const char *target = options->target ? options->target : slash ? slash + 1 : "";
    if (is_tracepoint(section))
        return attach_tracepoint(object, index, target);
    if (is_family(section, "perf_event"))
        return attach_perf_event(object, index, options);
    if (is_family(section, "xdp") || starts(section, "xdp.frags"))
        return attach_xdp(object, index, options);
    if (is_family(section, "tc") || is_family(section, "classifier"))
        return attach_tc(object, index, options);
    if (is_family(section, "tcx"))
        return attach_link(object, index, bpf_program__attach_tcx(prog, options->ifindex ? options->ifindex : LOOPBACK, NULL));
    if (options->cgroup_fd >= 0 && (starts(section, "cgroup") || is_family(section, "sockops")))
        return attach_link(object, index, bpf_program__attach_cgroup(prog, options->cgroup_fd));
    if (eu_is_uprobe(section))
        return attach_uprobe(object, index, target, options->pid);
    if (options->target && (is_family(section, "raw_tp") || is_family(section, "raw_tracepoint")))
        return attach_raw_tracepoint(object, index, target);
    if (options->target)
        return failed(prog, EINVAL, "its target cannot be chosen, the section has it");
    return attach_by_section(object, index);
}

static void undo(struct eu_attachment *at) {
    if (at->undo)
        at->undo(at);
    if (at->link)
        bpf_link__destroy(at->link);
    else if (at->fd >= 0)
        close(at->fd);
    free(at);
}

/* Of several of our filters on one qdisc, the one that is detached last takes the qdisc with it. */
static void pass_qdisc_on(struct eu_object *object, struct eu_attachment *from) {
    for (struct eu_attachment *at = object->attachments; from->made_qdisc && at; at = at->next)
        if (at->undo == undo_tc && at->ifindex == from->ifindex) {
            at->made_qdisc = 1;
            from->made_qdisc = 0;
        }
}

int eu_prog_detach(struct eu_object *object, int index) {
    if (!eu_prog(object, index))
        return -EINVAL;
    for (struct eu_attachment **at = &object->attachments; *at;) {
        struct eu_attachment *one = *at;
        if (one->prog == index) {
            *at = one->next;
            pass_qdisc_on(object, one);
            undo(one);
        } else
            at = &one->next;
    }
    return 0;
}

void eu_detach_all(struct eu_object *object) {
    while (object->attachments) {
        struct eu_attachment *one = object->attachments;
        object->attachments = one->next;
        undo(one);
    }
}

int eu_prog_attach(struct eu_object *object, int index, const struct eu_attach_options *options) {
    const struct bpf_program *prog = eu_prog(object, index);
    const struct eu_attachment *before = object->attachments;
    if (!prog)
        return -EINVAL;
    if (!object->loaded || bpf_program__fd(prog) < 0)
        return failed(prog, EINVAL, "it is not loaded");
    eu_log_start();
    int err = attach_one(object, index, options);
    while (err && object->attachments != before) { /* of several CPUs the first may have worked */
        struct eu_attachment *one = object->attachments;
        object->attachments = one->next;
        undo(one);
    }
    return err;
}
