/* struct_ops: the map is what attaches; its programs are its members. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include <errno.h>
#include <stdio.h>

static int is_attached(const struct eu_object *object) {
    for (const struct eu_attachment *at = object->attachments; at; at = at->next)
        if (at->prog >= 0 && bpf_program__type(object->progs[at->prog]) == BPF_PROG_TYPE_STRUCT_OPS)
            return 1;
    return 0;
}

static int attach_map(struct eu_object *object, int index, const struct bpf_map *map) {
    const struct bpf_program *prog = object->progs[index];
    char why[300];
    struct bpf_link *link = bpf_map__attach_struct_ops(map);
    if (link)
        return eu_attachment_add_link(object, index, link);
    int err = errno;
    snprintf(why, sizeof(why), "struct_ops map %s: %s", bpf_map__name(map),
             err == EEXIST   ? "another with this name is registered [`bpftool struct_ops` shows them]"
             : err == EINVAL ? "the kernel refuses it: a member that it needs is missing, or a name that it does not take"
                             : eu_reason(err));
    return eu_attach_failed(prog, err, why);
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
