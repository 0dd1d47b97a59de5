/* What attaching to a target would be refused for, asked before anything of the object is loaded. */
#define _GNU_SOURCE
#include "attach.h"
#include "binaries.h"
#include "error.h"
#include "object.h"
#include "target.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int eu_target_check(struct eu_object *object, int index, const char *text) {
    const struct bpf_program *prog = eu_prog(object, index);
    char forms[500], why[900];
    struct eu_target *target = prog ? malloc(sizeof(*target)) : NULL;
    if (!target)
        return -EINVAL;
    eu_error_clear();
    int err = eu_target_parse(text, target);
    if (!err && !eu_target_fits(target->kind, prog)) {
        eu_target_forms(prog, forms, sizeof(forms));
        snprintf(why, sizeof(why), "%.200s is no target for it [%s]", text, *forms ? forms : "its section alone says where it attaches");
        err = eu_attach_failed(prog, EINVAL, why);
    }
    free(target);
    return err;
}

int eu_prog_target_forms(struct eu_object *object, int index, char *text, size_t room) {
    const struct bpf_program *prog = eu_prog(object, index);
    if (!prog)
        return -EINVAL;
    eu_target_forms(prog, text, room);
    return 0;
}

int eu_probe_cgroup(struct eu_object *object, int index, const char *name) {
    const struct bpf_program *prog = eu_prog(object, index);
    eu_error_clear();
    int fd = prog ? eu_cgroup_open(prog, name) : -EINVAL;
    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}

int eu_probe_perf_target(const char *text) {
    struct eu_attach_options options = {.perf_type = -1, .pid = -1, .cpu = -1};
    struct perf_event_attr attr = {.size = sizeof(attr), .disabled = 1};
    struct eu_target *target = malloc(sizeof(*target));
    if (!target)
        return -ENOMEM;
    eu_error_clear();
    int err = eu_target_parse(text, target);
    err = err ? err : eu_perf_target(target, &options);
    free(target);
    if (err)
        return err;
    attr.type = options.perf_type < 0 ? PERF_TYPE_SOFTWARE : (uint32_t)options.perf_type;
    attr.config = options.perf_config;
    int cpu = options.cpu >= 0 || options.pid > 0 ? options.cpu : 0;
    int fd = (int)syscall(SYS_perf_event_open, &attr, options.pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

int eu_probe_xdp_slot(int ifindex) {
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    eu_log_start();
    int err = bpf_xdp_query(ifindex, 0, &query);
    if (err)
        return err;
    uint32_t id = query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id ? query.skb_prog_id : query.hw_prog_id;
    return (int)(id & INT32_MAX);
}

int eu_probe_xdp_link(int ifindex, int prog_id) {
    uint32_t id = 0;
    eu_log_start();
    while (!bpf_link_get_next_id(id, &id)) {
        struct bpf_link_info info = {0};
        uint32_t size = sizeof(info);
        int fd = bpf_link_get_fd_by_id(id);
        if (fd < 0)
            continue; /* gone meanwhile */
        int err = bpf_link_get_info_by_fd(fd, &info, &size);
        close(fd);
        if (!err && info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex == (uint32_t)ifindex && info.prog_id == (uint32_t)prog_id)
            return (int)(id & INT32_MAX);
    }
    return errno == ENOENT ? 0 : -errno;
}

void eu_probe_near_function(const char *path, const char *name, char *out, size_t room) {
    struct eu_near near;
    eu_near_start(&near, name);
    eu_offer_functions(&near, path);
    if (room)
        *out = '\0';
    eu_near_hint(&near, out, room);
}
