/* struct_ops: the map is what attaches; its programs are its members. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "guard.h"
#include "uapi.h"
#include <errno.h>
#include <stdio.h>

static int is_attached(const struct eu_object *object) {
    for (const struct eu_attachment *at = object->attachments; at; at = at->next)
        if (at->prog >= 0 && bpf_program__type(object->progs[at->prog]) == BPF_PROG_TYPE_STRUCT_OPS)
            return 1;
    return 0;
}

static int refuse(const struct bpf_program *prog, int err, const struct bpf_map *map) {
    char why[300];
    snprintf(why, sizeof(why), "struct_ops map %s: %s", bpf_map__name(map),
             err == EEXIST        ? "another with this name is registered [`bpftool struct_ops` shows them]"
             : err == EINVAL      ? "the kernel refuses it: a member that it needs is missing, or a name that it does not take"
             : err == EU_ENOTSUPP ? "error 524: this kernel has no trampolines for this architecture [6.0 or newer on arm64]"
                                  : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

static uint32_t id_of(const struct bpf_map *map) {
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);
    return bpf_map_get_info_by_fd(bpf_map__fd(map), &info, &size) ? 0 : info.id;
}

/* SEC(".struct_ops"), and kernels before 6.4: registered until somebody takes it away, so that is guarded. */
static int attach_without_link(struct eu_object *object, int index, const struct bpf_map *map) {
    struct eu_undo undo;
    eu_undo_begin(&undo, EU_UNDO_STRUCT_OPS, NULL);
    undo.fd = bpf_map__fd(map);
    undo.map_id = id_of(map);
    struct eu_attachment *at = eu_guarded(object, index, &undo);
    if (!at)
        return -ENOMEM;
    struct bpf_link *link = bpf_map__attach_struct_ops(map);
    if (link) {
        bpf_link__disconnect(link); /* it is the guard's to undo */
        bpf_link__destroy(link);
        return 0;
    }
    int err = errno;
    eu_unguard(object, at);
    return refuse(object->progs[index], err, map);
}

static int attach_map(struct eu_object *object, int index, const struct bpf_map *map) {
    if (!(bpf_map__map_flags(map) & EU_F_LINK))
        return attach_without_link(object, index, map);
    struct bpf_link *link = bpf_map__attach_struct_ops(map);
    return link ? eu_attachment_add_link(object, index, link) : refuse(object->progs[index], errno, map);
}

/* The first program of the object that is attached brings all its struct_ops maps; the others are members of them. */
int eu_attach_struct_ops(struct eu_object *object, int index) {
    if (is_attached(object))
        return eu_attachment_add(object, index) ? 0 : -ENOMEM;
    int err = 0, found = 0;
    for (int i = 0; i < object->nr_maps && !err; i++)
        if (bpf_map__type(object->maps[i]) == BPF_MAP_TYPE_STRUCT_OPS && bpf_map__autocreate(object->maps[i])) {
            err = attach_map(object, index, object->maps[i]);
            found = 1;
        }
    return err || found ? err : eu_attach_failed(object->progs[index], ENOENT, "no struct_ops map of the package has it as a member");
}
