/* Programs that attach to another program: freplace puts a function in the place of one of its, fentry and fexit trace one. The kernel
 * checks them against that program as they are loaded, so it is named before. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "near.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMED = 15 }; /* BPF_OBJ_NAME_LEN without its NUL: the kernel cuts names */

/* All loaded programs, those with this name in `ids`; a near one is offered. Returns how many have it, or -errno. */
static int find_named(const char *name, char *ids, size_t room, int *found, struct eu_near *near) {
    uint32_t id = 0;
    int nr = 0;
    size_t used = 0;
    while (!bpf_prog_get_next_id(id, &id)) {
        struct bpf_prog_info info = {0};
        uint32_t size = sizeof(info);
        int fd = bpf_prog_get_fd_by_id(id);
        if (fd < 0)
            continue;
        if (!bpf_prog_get_info_by_fd(fd, &info, &size) && *info.name) {
            eu_near_offer(near, info.name);
            if (!strncmp(info.name, name, NAMED)) {
                used += used < room ? snprintf(ids + used, room - used, "%s%u", nr ? ", " : "", id) : 0;
                *found = (int)id;
                nr++;
            }
        }
        close(fd);
    }
    return errno == ENOENT ? nr : -errno;
}

static int open_named(const struct bpf_program *prog, const char *name) {
    struct eu_near near;
    char why[400], ids[120] = "", hint[160];
    int id = 0;
    eu_near_start(&near, name);
    int nr = find_named(name, ids, sizeof(ids), &id, &near);
    if (nr == 1)
        return bpf_prog_get_fd_by_id(id);
    if (nr < 0)
        return eu_attach_failed(prog, -nr, "look for programs by name: needs CAP_SYS_ADMIN [name it by its pin: prog:/sys/fs/bpf/NAME]");
    if (nr)
        snprintf(why, sizeof(why), "program %.60s: %d loaded programs have this name [choose one by its id: prog:ID, of %s]", name, nr,
                 ids);
    else
        snprintf(why, sizeof(why), "program %.60s: no loaded program has this name%s", name, eu_near_hint(&near, hint, sizeof(hint)));
    return eu_attach_failed(prog, nr ? ENOTUNIQ : ENOENT, why);
}

/* A descriptor of the program that a target names: by id, by its pin, by its name. */
static int open_program(const struct bpf_program *prog, const char *name) {
    char why[400], *end;
    unsigned long id = strtoul(name, &end, 10);
    if (name[0] != '/' && *end)
        return open_named(prog, name);
    int fd = name[0] == '/' ? bpf_obj_get(name) : bpf_prog_get_fd_by_id(id <= UINT32_MAX ? (uint32_t)id : 0);
    if (fd >= 0)
        return fd;
    int err = errno;
    snprintf(why, sizeof(why), "program %.200s: %s", name,
             err != ENOENT    ? eu_reason(err)
             : name[0] == '/' ? "nothing is pinned there"
                              : "no loaded program has this id");
    return eu_attach_failed(prog, err, why);
}

static const char *function_of(const struct bpf_program *prog, const struct eu_target *target) {
    const char *slash = strchr(bpf_program__section_name(prog), '/'), *chosen = eu_target_option(target, "function");
    return chosen ? chosen : slash ? slash + 1 : "";
}

/* The descriptor and the function that a target names. */
static int open_target(const struct bpf_program *prog, const struct eu_target *target, const char **function) {
    *function = function_of(prog, target);
    if (**function)
        return open_program(prog, target->name);
    return eu_attach_failed(prog, EINVAL, "neither its section nor its target names a function [prog:NAME,function=FUNCTION]");
}

static int bind(struct eu_object *object, int index, const struct eu_target *target) {
    struct bpf_program *prog = object->progs[index];
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);
    const char *function;
    char why[400];
    int fd = open_target(prog, target, &function);
    if (fd < 0)
        return fd;
    if (!object->prog_fds && !(object->prog_fds = calloc(object->nr_progs, sizeof(*object->prog_fds)))) {
        close(fd);
        return eu_attach_failed(prog, ENOMEM, NULL);
    }
    if (object->prog_fds[index])
        close(object->prog_fds[index]);
    object->prog_fds[index] = fd;
    eu_handlers_release(prog);
    int err = -bpf_program__set_attach_target(prog, fd, function);
    if (!err)
        return 0;
    if (bpf_prog_get_info_by_fd(fd, &info, &size))
        snprintf(info.name, sizeof(info.name), "?");
    snprintf(why, sizeof(why), "program %s (id %u) %s", info.name, info.id,
             info.btf_id ? "has no such function [`bpftool prog dump xlated id ID` shows them]" : "was loaded without BTF");
    return eu_attach_failed(prog, err, why);
}

int eu_prog_bind(struct eu_object *object, int index, const char *text) {
    const struct bpf_program *prog = eu_prog(object, index);
    if (!prog)
        return -EINVAL;
    if (object->loaded)
        return eu_attach_failed(prog, EBUSY, "the program that it attaches to is named before it is loaded");
    struct eu_target *target = malloc(sizeof(*target));
    if (!target)
        return eu_attach_failed(prog, ENOMEM, NULL);
    int err = eu_target_parse(text, target);
    if (!err && (target->kind != TARGET_PROG || !eu_target_fits(TARGET_PROG, prog)))
        err = eu_attach_failed(prog, EINVAL, "only freplace, fentry, fexit and fmod_ret programs attach to a program [prog:NAME|ID|PATH]");
    if (!err)
        err = bind(object, index, target);
    free(target);
    return err;
}

int eu_attach_prog(struct eu_object *object, int index, const struct eu_target *target) {
    const struct bpf_program *prog = object->progs[index];
    const char *function;
    struct bpf_link *link;
    if (!object->prog_fds || !object->prog_fds[index])
        return eu_attach_failed(prog, EINVAL, "the program that it attaches to is named before it is loaded");
    if (bpf_program__type(prog) == BPF_PROG_TYPE_EXT) {
        int fd = open_target(prog, target, &function);
        if (fd < 0)
            return fd;
        link = bpf_program__attach_freplace(prog, fd, function);
        int err = errno;
        close(fd);
        errno = err;
    } else
        link = bpf_program__attach_trace(prog);
    if (link)
        return eu_attachment_add_link(object, index, link);
    return eu_attach_failed(prog, errno,
                            errno == EBUSY ? "another program replaces this function"
                            : errno == EU_ENOTSUPP
                                ? "error 524: this kernel has no trampolines for this architecture [6.0 or newer on arm64]"
                                : NULL);
}

void eu_prog_fds_close(struct eu_object *object) {
    for (int i = 0; object->prog_fds && i < object->nr_progs; i++)
        if (object->prog_fds[i])
            close(object->prog_fds[i]);
    free(object->prog_fds);
}

/* A program that replaces a function of another, and of which nobody said it: libbpf's words for it help nobody. */
int eu_progs_bound(struct eu_object *object) {
    for (int i = 0; i < object->nr_progs; i++) {
        const struct bpf_program *prog = object->progs[i];
        if (bpf_program__type(prog) != BPF_PROG_TYPE_EXT || !bpf_program__autoload(prog) || (object->prog_fds && object->prog_fds[i]))
            continue;
        return eu_fail(EDESTADDRREQ, "program %s (%s): which program has the function that it replaces? [--attach %s=prog:NAME|ID|PATH]",
                       bpf_program__name(prog), bpf_program__section_name(prog), bpf_program__name(prog));
    }
    return 0;
}
