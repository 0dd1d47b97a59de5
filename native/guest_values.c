/* Keys and values that are descriptors (docs.kernel.org: map types): a guest's become the host's, and it has no others. */
#define _GNU_SOURCE
#include "guest_bpf.h"
#include "uapi.h"
#include <errno.h>
#include <string.h>

enum holds { NOTHING, PROGRAM, MAP, CGROUP, DEVICE /* a program behind the number of a device or queue */, FOREIGN };

static enum holds values_of(const struct eu_guest_fd *map) {
    switch (map->type) {
    case BPF_MAP_TYPE_PROG_ARRAY:
        return PROGRAM;
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_HASH_OF_MAPS:
        return MAP;
    case BPF_MAP_TYPE_CGROUP_ARRAY:
        return CGROUP;
    case BPF_MAP_TYPE_DEVMAP:
    case BPF_MAP_TYPE_DEVMAP_HASH:
    case BPF_MAP_TYPE_CPUMAP:
        return map->value_size >= 8 ? DEVICE : NOTHING;
    case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
    case BPF_MAP_TYPE_SOCKMAP:
    case BPF_MAP_TYPE_SOCKHASH:
    case BPF_MAP_TYPE_XSKMAP:
    case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
    case BPF_MAP_TYPE_STRUCT_OPS: /* programs of the host by their descriptors */
        return FOREIGN;
    default:
        return NOTHING;
    }
}

static enum holds keys_of(const struct eu_guest_fd *map) {
    switch (map->type) {
    case EU_MAP_TYPE_CGRP_STORAGE:
        return CGROUP;
    case BPF_MAP_TYPE_SK_STORAGE:
    case BPF_MAP_TYPE_INODE_STORAGE:
    case BPF_MAP_TYPE_TASK_STORAGE:
        return FOREIGN;
    default:
        return NOTHING;
    }
}

int eu_guest_has_descriptors(const struct eu_guest_fd *map) {
    return values_of(map) || keys_of(map);
}

static int host_fd(struct eu_guest *guest, enum holds what, int32_t number) {
    const struct eu_guest_fd *fd = eu_guest_fd(guest, number);
    if (what == CGROUP) {
        int dir = guest->wasi && number >= 0 ? eu_wasi_preopen(guest->wasi, (uint32_t)number) : -EBADF;
        return dir >= 0 ? dir : eu_guest_failed(guest, EBADF, "descriptor %d: no preopened directory [--dir HOST:GUEST]", number);
    }
    if (fd && fd->is_program == (what != MAP))
        return fd->fd;
    return eu_guest_failed(guest, EBADF, "descriptor %d: no %s of this guest has it", number, what == MAP ? "map" : "program");
}

static int translate(struct eu_guest *guest, const struct eu_guest_fd *map, enum holds what, uint8_t *bytes, size_t size) {
    int32_t number;
    if (what == NOTHING)
        return 0;
    if (what == FOREIGN || size < sizeof(number) + (what == DEVICE ? 4 : 0))
        return eu_guest_failed(guest, EOPNOTSUPP, "map %s: its elements are sockets, files or events, which guests have none of",
                               bpf_map__name(map->owner->object->maps[map->index]));
    if (what == DEVICE)
        bytes += 4; /* struct bpf_devmap_val, struct bpf_cpumap_val */
    memcpy(&number, bytes, sizeof(number));
    if (what == DEVICE && number <= 0)
        return 0;
    int fd = host_fd(guest, what, number);
    if (fd < 0)
        return fd;
    memcpy(bytes, &fd, sizeof(fd));
    return 0;
}

int eu_guest_key_in(struct eu_guest *guest, const struct eu_guest_fd *map, uint8_t *key) {
    return translate(guest, map, keys_of(map), key, map->key_size);
}

int eu_guest_value_in(struct eu_guest *guest, const struct eu_guest_fd *map, uint8_t *value) {
    return translate(guest, map, values_of(map), value, map->value_size);
}
