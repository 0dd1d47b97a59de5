/* Which programs are tail-called: what stands in the object's prog arrays, whoever has put it there. */
#define _GNU_SOURCE
#include "error.h"
#include "object.h"
#include <errno.h>
#include <stdio.h>

static uint32_t id_of(const struct bpf_program *prog) {
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);
    return bpf_program__fd(prog) >= 0 && !bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &size) ? info.id : 0;
}

static int holds(const struct bpf_map *map, uint32_t id) {
    uint32_t there;
    for (uint32_t key = 0; key < bpf_map__max_entries(map); key++)
        if (!bpf_map_lookup_elem(bpf_map__fd(map), &key, &there) && there == id)
            return 1;
    return 0;
}

int eu_prog_in_array(struct eu_object *object, int index) {
    const struct bpf_program *prog = eu_prog(object, index);
    uint32_t id = prog ? id_of(prog) : 0;
    if (!prog)
        return -EINVAL;
    for (int i = 0; id && i < object->nr_maps; i++)
        if (bpf_map__type(object->maps[i]) == BPF_MAP_TYPE_PROG_ARRAY && bpf_map__fd(object->maps[i]) >= 0 && holds(object->maps[i], id))
            return 1;
    return 0;
}
