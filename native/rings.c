/* How large ring buffers are that the user did not size: most tools say 256 KiB, which a flood of two million records a second fills in
 * 2 ms, less than a busy machine may keep the reader waiting. A ring that is smaller than this machine can afford grows:
 * 4 MiB for all rings of an object together (1.2 ms to make and map), 1/512 of the memory at most, of the control group's where that is
 * less. One below 64 KiB is meant to be small; one that is pinned by name must keep the size that others expect. */
#define _GNU_SOURCE
#include "rings.h"
#include "object.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL = 64 << 10, LARGE = 4 << 20, SHARE = 512, PATH_ROOM = 512 };

static int read_text(const char *path, char *text, size_t room) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, room - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = '\0';
    return size > 0;
}

/* The memory limit of this process's control group (version 2, else 1); UINT64_MAX: none. */
static uint64_t group_limit(void) {
    char groups[2048], path[PATH_ROOM], limit[32];
    const char *two = NULL, *one = NULL;
    if (!read_text("/proc/self/cgroup", groups, sizeof(groups)))
        return UINT64_MAX;
    for (char *line = strtok(groups, "\n"); line; line = strtok(NULL, "\n")) {
        const char *controllers = strchr(line, ':'), *name = controllers ? strchr(controllers + 1, ':') : NULL;
        if (name && name == controllers + 1)
            two = name + 1;
        else if (name && !strncmp(controllers, ":memory:", 8))
            one = name + 1;
    }
    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", two ? two : "");
    if (two && read_text(path, limit, sizeof(limit)))
        return limit[0] == 'm' ? UINT64_MAX : strtoull(limit, NULL, 10);
    snprintf(path, sizeof(path), "/sys/fs/cgroup/memory%s/memory.limit_in_bytes", one ? one : "");
    return one && read_text(path, limit, sizeof(limit)) ? strtoull(limit, NULL, 10) : UINT64_MAX;
}

/* A power of two, for each of `rings` buffers. */
static uint64_t affordable(int rings) {
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE), limit = group_limit();
    uint64_t share = (memory < limit ? memory : limit) / SHARE, size = LARGE;
    share = (share < LARGE ? share : LARGE) / (unsigned)rings;
    while (size > share)
        size /= 2;
    return size;
}

static int may_grow(const struct eu_object *object, int index) {
    const struct bpf_map *map = object->maps[index];
    return bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF && bpf_map__autocreate(map) && !object->sized[index] && !bpf_map__pin_path(map) &&
           bpf_map__fd(map) < 0 && bpf_map__max_entries(map) >= SMALL;
}

void eu_rings_grow(struct eu_object *object) {
    int rings = 0;
    for (int i = 0; i < object->nr_maps; i++)
        rings += may_grow(object, i);
    uint32_t size = rings ? (uint32_t)affordable(rings) : 0;
    for (int i = 0; i < object->nr_maps && rings; i++) {
        struct bpf_map *map = object->maps[i];
        if (!may_grow(object, i) || bpf_map__max_entries(map) >= size)
            continue;
        LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = bpf_map__map_flags(map), .numa_node = bpf_map__numa_node(map));
        int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, bpf_map__name(map), 0, 0, size, &options);
        if (fd < 0)
            continue; /* not so large, or not at all: loading says why */
        bpf_map__reuse_fd(map, fd);
        close(fd);
    }
}

void eu_rings_replace(struct eu_object *object) {
    for (int i = 0; i < object->nr_maps; i++) {
        struct bpf_map *map = object->maps[i];
        if (bpf_map__type(map) != BPF_MAP_TYPE_RINGBUF)
            continue;
        bpf_map__set_type(map, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
        bpf_map__set_key_size(map, sizeof(uint32_t));
        bpf_map__set_value_size(map, sizeof(uint32_t));
        bpf_map__set_max_entries(map, 0); /* libbpf makes it the number of CPUs */
    }
}

int eu_has_rings(struct eu_object *object) {
    return object->has_rings;
}
