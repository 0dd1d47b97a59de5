/* Parts of attaching. Those that return links return NULL with errno and the cause in `why`; the others 0, or -errno with eu_error(). */
#ifndef EUNOMIA_ATTACH_H
#define EUNOMIA_ATTACH_H
#include "object.h"
#include "target.h"
#include <bpf/libbpf.h>
#include <stddef.h>

/* A new attachment at the head of the object's list, its descriptor or link owned by it; what they are given is closed when they fail. */
struct eu_attachment *eu_attachment_add(struct eu_object *object, int prog);
int eu_attachment_add_link(struct eu_object *object, int prog, struct bpf_link *link);
int eu_attachment_add_fd(struct eu_object *object, int prog, int fd);
/* Keep "attach program NAME (SECTION): WHAT" as the error; what NULL: what err says. */
int eu_attach_failed(const struct bpf_program *prog, int err, const char *what);

/* XDP, tc, tcx and netkit; target NULL: where annotations say, else the loopback interface. */
int eu_attach_device(struct eu_object *object, int prog, const struct eu_attach_options *options, const struct eu_target *target);
int eu_attach_tc(struct eu_object *object, int prog, const struct eu_attach_options *options);
/* Before one of them is undone. */
void eu_tc_pass_qdisc_on(struct eu_object *object, struct eu_attachment *from);
int eu_attach_xdp(struct eu_object *object, int prog, const struct eu_attach_options *options, int replace);
int eu_attach_cgroup(struct eu_object *object, int prog, const struct eu_target *target);
/* Descriptor of a directory of cgroup v2: a path, or one below where it is mounted. name NULL or "": its root. */
int eu_cgroup_open(const struct bpf_program *prog, const char *name);
int eu_attach_netns(struct eu_object *object, int prog, const char *name);
int eu_attach_netfilter(struct eu_object *object, int prog, const struct eu_target *target);
/* A map of sockets, by name; "": the only one that the object has. */
int eu_attach_map(struct eu_object *object, int prog, const char *name);
int eu_attach_socket(struct eu_object *object, int prog, const struct eu_target *target);
/* lwt_in, lwt_out, lwt_xmit, lwt_seg6local: a route of our own. */
int eu_attach_route(struct eu_object *object, int prog, const struct eu_target *target);
/* A function of another program, which eu_prog_bind() named before load. */
int eu_attach_prog(struct eu_object *object, int prog, const struct eu_target *target);
/* target NULL: all that there is of its kind. */
int eu_attach_iter(struct eu_object *object, int prog, const struct eu_target *target);
/* Targets that were chosen: FUNCTION[+OFFSET], a pattern for .multi and .session, a system call's name for ksyscall. */
int eu_attach_kprobe(struct eu_object *object, int prog, const char *target);
int eu_attach_uprobe_multi(struct eu_object *object, int prog, char *target, int pid);
int eu_attach_usdt(struct eu_object *object, int prog, char *target, int pid);
int eu_is_tracepoint(const char *section);
int eu_attach_perf_event(struct eu_object *object, int prog, const struct eu_attach_options *options);
/* Tracepoints, kprobes, uprobes, USDT: a name, a pattern, a list `a|b` of which the first that there is is taken (programs for many: all).
 */
int eu_attach_probe(struct eu_object *object, int prog, enum eu_target_kind kind, const char *name, int pid);
int eu_attach_probe_of_section(struct eu_object *object, int prog, int pid);
/* All struct_ops maps of the object, with the first of its programs. */
int eu_attach_struct_ops(struct eu_object *object, int prog);
/* Write perf:EVENT,… into attach options. */
int eu_perf_target(const struct eu_target *target, struct eu_attach_options *options);

/* The capabilities that attaching asks for, as words. Source: src/eunomia/package/privileges.py */
const char *eu_attach_needs(const struct bpf_program *prog);
int eu_attach_uprobe(struct eu_object *object, int prog, const char *target, int pid);
/* Why libbpf could not attach a program by its section; "" where its errno says all. */
void eu_attach_cause(const struct bpf_program *prog, int err, char *why, size_t room);
void eu_raw_tracepoint_cause(const char *name, char *why, size_t room);
/* "" where err says all. */
void eu_kprobe_cause(const char *section, int err, const char *target, char *why, size_t room);
int eu_has_kprobes(void);
/* Where uprobes go: path of the binary, process (-1: all). */
struct eu_uprobe_place {
    const char *path;
    int pid;
};
/* The path of a binary as a process has it; "binary NAME: cause" as the error. */
int eu_find_for(const struct bpf_program *prog, const char *name, int pid, char *path, size_t room);
#endif
