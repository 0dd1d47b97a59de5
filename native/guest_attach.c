/* Attaching a guest's programs: where its section says, to a plain string of the first interface, to KIND:NAME of
 * docs/reference/attaching.md, or to a directory that was given to the guest. */
#define _GNU_SOURCE
#include "guest_bpf.h"
#include "target.h"
#include "uapi.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINKS = 1024 };

static int is_namespaced(const char *target) {
    const char *colon = strchr(target, ':'), *kind;
    for (int i = 0; colon && (kind = eu_target_kind_name(i)); i++)
        if (strlen(kind) == (size_t)(colon - target) && !strncmp(kind, target, strlen(kind)))
            return 1;
    return 0;
}

/* "KIND:NAME", with a backslash before what would end the name. */
static int prefixed(const char *kind, const char *name, char *out, size_t room) {
    size_t used = (size_t)snprintf(out, room, "%s:", kind);
    for (; *name && used + 3 < room; name++) {
        if (*name == ',' || *name == '\\')
            out[used++] = '\\';
        out[used++] = *name;
    }
    out[used] = 0;
    return *name ? -ENAMETOOLONG : 0;
}

static int failed_and_told(struct eu_guest *guest, int err) {
    eu_guest_tell(guest, "attach", eu_guest_last_error(guest));
    return err;
}

/* Plain strings: a directory of control groups, absolute or from the host's working directory; the name of an interface, in which the
 * kernel allows no colon. Other programs never took one: `out` is empty, it is passed over as hosts always did. */
static int plain_target(struct eu_guest *guest, const struct bpf_program *prog, const char *plain, char *out, size_t room) {
    char path[4096];
    const char *absolute = plain, *kind = "cgroup", *colon = strchr(plain, ':');
    if (eu_target_fits(TARGET_CGROUP, prog)) {
        absolute = plain[0] != '/' && realpath(plain, path) ? path : plain;
    } else if (!eu_target_fits(TARGET_IFACE, prog)) {
        out[0] = 0;
        return 0;
    } else if (colon) {
        int err = eu_guest_failed(guest, ENODEV, "attach program %s (%s): %.100s is no interface [iface:%.100s]", bpf_program__name(prog),
                                  bpf_program__section_name(prog), plain, colon + 1);
        return failed_and_told(guest, err);
    } else
        kind = "iface";
    if (prefixed(kind, absolute, out, room))
        return eu_guest_failed(guest, ENAMETOOLONG, "attach program %s: target: longer than the host takes", bpf_program__name(prog));
    return 0;
}

/* Programs whose section does not say where: as libbpf's own way to attach, and unlike `ecli run`, nothing is guessed for a guest. */
static int needs_target(const struct bpf_program *prog) {
    switch ((int)bpf_program__type(prog)) {
    case BPF_PROG_TYPE_XDP:
    case BPF_PROG_TYPE_SCHED_CLS:
    case BPF_PROG_TYPE_PERF_EVENT:
    case BPF_PROG_TYPE_SK_LOOKUP:
    case BPF_PROG_TYPE_FLOW_DISSECTOR:
    case BPF_PROG_TYPE_SK_MSG:
    case BPF_PROG_TYPE_SK_SKB:
    case EU_PROG_TYPE_NETFILTER:
        return 1;
    default:
        return eu_target_fits(TARGET_CGROUP, prog) || eu_target_fits(TARGET_SOCKET, prog) || eu_target_fits(TARGET_ROUTE, prog);
    }
}

/* `given`: a plain target that does not say where either. */
static int no_target(struct eu_guest *guest, const struct bpf_program *prog, const char *given) {
    char forms[500], said[GUEST_NAME + 64] = "no target was given";
    eu_target_forms(prog, forms, sizeof(forms));
    const char *example = eu_target_fits(TARGET_PERF, prog)     ? "perf:cpu-clock,freq=99"
                          : eu_target_fits(TARGET_UPROBE, prog) ? "uprobe:PATH:FUNC"
                                                                : forms;
    if (*given)
        snprintf(said, sizeof(said), "nor does the target %.200s", given);
    int err =
        eu_guest_failed(guest, EOPNOTSUPP, "attach program %s (%s): its section does not say where, %s%s [%s]", bpf_program__name(prog),
                        bpf_program__section_name(prog), *given ? "" : "and ", said, *given ? example : forms);
    return failed_and_told(guest, err);
}

int eu_guest_may_link(struct eu_guest *guest) {
    uint32_t limit = guest->options->max_links ? guest->options->max_links : MAX_LINKS;
    if (guest->objects->nr_links < limit)
        return 0;
    int err = eu_guest_failed(guest, EMFILE, "attach: the guest has %u programs attached, as many as it may [--allow links=N]", limit);
    return failed_and_told(guest, err);
}

/* What is new in the object's list gets the link's number. */
static int number_link(struct eu_guest *guest, struct eu_guest_object *object, const struct eu_attachment *before) {
    struct eu_guest_objects *state = guest->objects;
    state->last_link = state->last_link % INT32_MAX + 1;
    int is_new = object->object->attachments != before; /* of struct_ops maps all are, with the first program */
    for (struct eu_attachment *at = object->object->attachments; at && at != before; at = at->next)
        at->number = state->last_link;
    state->nr_links += (uint32_t)is_new;
    object->nr_links += (uint32_t)is_new;
    return (int)state->last_link;
}

/* The host's own descriptors are none of a guest's. */
static int names_host_fd(const char *target) {
    struct eu_target parsed;
    return !strncmp(target, "socket:", 7) && !eu_target_parse(target, &parsed) && eu_target_option(&parsed, "fd") &&
           !eu_target_option(&parsed, "pid");
}

/* Attach to `target`, of which the policy hears as `said`, or where it is "" as the section says, whatever was `given`; the link's number,
 * or -errno. */
static int attach(struct eu_guest *guest, struct eu_guest_object *object, int prog, const char *target, const char *said,
                  const char *given) {
    const struct bpf_program *program = object->object->progs[prog];
    const struct eu_attachment *before = object->object->attachments;
    const struct eu_attach_options options = {
        .target = *target ? target : NULL, .tc_point = 1, .old_prog_fd = -1, .perf_type = -1, .pid = -1, .cpu = -1};
    const struct eu_guest_request request = {.what = "attach", .object = object->object, .prog = prog, .target = said};
    if (!*target && needs_target(program))
        return no_target(guest, program, given);
    if (names_host_fd(target))
        return eu_guest_failed(guest, EBADF, "attach program %s: %.100s: a descriptor of the host [socket:,fd=N,pid=PID]",
                               bpf_program__name(program), target);
    int err = eu_guest_may_link(guest);
    if (!err)
        err = eu_guest_decide(guest, &request);
    if (err)
        return err;
    err = eu_prog_attach(object->object, prog, &options);
    if (err == -EDESTADDRREQ)
        return no_target(guest, program, given);
    if (!err) {
        if (*given && !*target)
            eu_guest_note(guest, "program %s (%s): target %.200s is passed over, its section says where it attaches",
                          bpf_program__name(program), bpf_program__section_name(program), given);
        return number_link(guest, object, before);
    }
    eu_guest_tell(guest, "attach", eu_error());
    return eu_guest_failed_as(guest, err);
}

static int attach_named(struct eu_guest *guest, const union eu_slot *slots) {
    char given[GUEST_TARGET] = "", target[GUEST_TARGET] = "";
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    int prog = object ? eu_guest_prog_named(guest, object, slots[1].u32) : -EINVAL;
    if (prog < 0)
        return prog;
    const struct bpf_program *program = object->object->progs[prog];
    int err = slots[2].u32 ? eu_guest_name(guest, slots[2].u32, given, sizeof(given), "target") : 0;
    if (!err && *given) {
        if (is_namespaced(given))
            strcpy(target, given);
        else
            err = plain_target(guest, program, given, target, sizeof(target));
    }
    return err ? err : attach(guest, object, prog, target, target, given);
}

EU_GUEST_CALL(eu_call_attach) {
    int link = attach_named(guest, slots);
    return eu_answer(slots, link < 0 ? link : 0);
}

EU_GUEST_CALL(eu_call_link_attach) {
    return eu_answer(slots, attach_named(guest, slots));
}

EU_GUEST_CALL(eu_call_link_detach) {
    uint32_t number = slots[0].u32;
    for (struct eu_guest_object *o = guest->objects ? guest->objects->first : NULL; o && number; o = o->next)
        if (!o->closed && eu_detach_number(o->object, number)) {
            o->nr_links--;
            guest->objects->nr_links--;
            return eu_answer(slots, 0);
        }
    return eu_answer(slots, eu_guest_failed(guest, EBADF, "link %d: no link of this guest has this number", slots[0].i32));
}

/* The directory behind a descriptor, for the policy and for messages. */
static void path_of(int fd, char *path, size_t room) {
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, room - 1);
    path[length > 0 ? length : 0] = 0;
}

static int attach_to_directory(struct eu_guest *guest, struct eu_guest_object *object, int prog, int32_t number) {
    const struct bpf_program *program = object->object->progs[prog];
    char target[64], path[4096], said[GUEST_TARGET];
    int dir = guest->wasi ? eu_wasi_preopen(guest->wasi, (uint32_t)number) : -EBADF;
    if (dir < 0)
        return eu_guest_failed(guest, EBADF,
                               "attach program %s: descriptor %d is no directory that was given to the guest [--dir HOST:GUEST]",
                               bpf_program__name(program), number);
    snprintf(target, sizeof(target), "cgroup:/proc/self/fd/%d", dir);
    path_of(dir, path, sizeof(path));
    prefixed("cgroup", path, said, sizeof(said));
    return attach(guest, object, prog, target, said, "");
}

EU_GUEST_CALL(eu_call_attach_fd) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    int prog = object ? eu_guest_prog_named(guest, object, slots[1].u32) : -EINVAL, link;
    if (prog < 0)
        return eu_answer(slots, prog);
    const struct bpf_program *program = object->object->progs[prog];
    if (bpf_program__type(program) == BPF_PROG_TYPE_XDP)
        link = eu_guest_failed(guest, EINVAL, "attach program %s: XDP programs attach to interfaces, which are no descriptors [iface:NAME]",
                               bpf_program__name(program));
    else if (slots[2].i32 >= 0 && eu_target_fits(TARGET_CGROUP, program))
        link = attach_to_directory(guest, object, prog, slots[2].i32);
    else
        link = attach(guest, object, prog, "", "", "");
    return eu_answer(slots, link < 0 ? link : 0);
}
