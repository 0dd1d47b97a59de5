/* Maps of an object: their description, initial values and elements. */
#define _GNU_SOURCE
#include "error.h"
#include "object.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int eu_map_count(struct eu_object *object) {
    return object->nr_maps;
}

/* libbpf keeps the section of an internal map to itself, but its name ends in it ("client_b.rodata", ".rodata.str1.1"). */
static const char *section_of(const struct bpf_map *map) {
    if (!bpf_map__is_internal(map))
        return NULL;
    const char *name = bpf_map__name(map), *dot = strrchr(name, '.');
    return name[0] == '.' || !dot ? name : dot;
}

int eu_map_get(struct eu_object *object, int index, struct eu_map_info *info) {
    struct bpf_map *map = eu_map(object, index);
    if (!map)
        return -EINVAL;
    *info = (struct eu_map_info){
        .name = bpf_map__name(map),
        .section = section_of(map),
        .type = bpf_map__type(map),
        .key_size = bpf_map__key_size(map),
        .value_size = bpf_map__value_size(map),
        .max_entries = bpf_map__max_entries(map),
        .flags = bpf_map__map_flags(map),
        .btf_key_type = bpf_map__btf_key_type_id(map),
        .btf_value_type = bpf_map__btf_value_type_id(map),
        .fd = object->loaded ? bpf_map__fd(map) : -1,
    };
    return 0;
}

int eu_map_find(struct eu_object *object, const char *name) {
    for (int i = 0; i < object->nr_maps; i++)
        if (!strcmp(bpf_map__name(object->maps[i]), name))
            return i;
    return eu_fail(ENOENT, "map %s: not in this object", name);
}

static int done(int err, const char *what, const struct bpf_map *map) {
    return err < 0 ? eu_fail(-err, "map %s: %s: %s", bpf_map__name(map), what, eu_reason(-err)) : err;
}

int eu_map_set_max_entries(struct eu_object *object, int index, uint32_t entries) {
    struct bpf_map *map = eu_map(object, index);
    if (map)
        object->sized[index] = 1;
    return map ? done(bpf_map__set_max_entries(map, entries), "set max_entries", map) : -EINVAL;
}

int eu_map_set_perf_pages(struct eu_object *object, int index, int pages) {
    struct bpf_map *map = eu_map(object, index);
    if (!map)
        return -EINVAL;
    if (bpf_map__type(map) != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
        return eu_fail(EINVAL, "map %s: set perf pages: it is no perf buffer", bpf_map__name(map));
    if (pages <= 0 || pages & (pages - 1))
        return eu_fail(EINVAL, "map %s: set perf pages: %d is not a power of two", bpf_map__name(map), pages);
    object->perf_pages[index] = pages;
    return 0;
}

static char *initial(struct eu_object *object, int index, size_t offset, size_t size) {
    struct bpf_map *map = eu_map(object, index);
    size_t room = 0;
    if (!map)
        return NULL;
    char *image = bpf_map__initial_value(map, &room);
    if (!image)
        return eu_fail_null(EINVAL, "map %s: has no initial value", bpf_map__name(map));
    if (offset > room || size > room - offset)
        return eu_fail_null(ERANGE, "map %s: bytes %zu to %zu of an initial value of %zu", bpf_map__name(map), offset, offset + size, room);
    return image + offset;
}

int eu_map_write_initial(struct eu_object *object, int index, size_t offset, const void *bytes, size_t size) {
    if (object->loaded)
        return eu_fail(EBUSY, "map %d: initial values are written before load", index);
    char *at = initial(object, index, offset, size);
    if (!at)
        return -eu_errno();
    memcpy(at, bytes, size);
    return 0;
}

int eu_map_read_initial(struct eu_object *object, int index, size_t offset, void *bytes, size_t size) {
    const char *at = initial(object, index, offset, size);
    if (!at)
        return -eu_errno();
    memcpy(bytes, at, size);
    return 0;
}

static int map_fd(struct eu_object *object, int index) {
    struct bpf_map *map = eu_map(object, index);
    if (!map)
        return -EINVAL;
    if (!object->loaded)
        return eu_fail(EINVAL, "map %s: the object is not loaded", bpf_map__name(map));
    return bpf_map__fd(map);
}

int eu_map_lookup(struct eu_object *object, int index, const void *key, void *value, uint64_t flags) {
    int fd = map_fd(object, index);
    return fd < 0 ? fd : done(bpf_map_lookup_elem_flags(fd, key, value, flags), "look up", object->maps[index]);
}

int eu_map_update(struct eu_object *object, int index, const void *key, const void *value, uint64_t flags) {
    int fd = map_fd(object, index);
    return fd < 0 ? fd : done(bpf_map_update_elem(fd, key, value, flags), "update", object->maps[index]);
}

int eu_map_delete(struct eu_object *object, int index, const void *key) {
    int fd = map_fd(object, index);
    return fd < 0 ? fd : done(bpf_map_delete_elem(fd, key), "delete", object->maps[index]);
}

long eu_map_read_batch(struct eu_object *object, int index, void *cursor, int first, void *keys, void *values, uint32_t max, int *end) {
    int fd = map_fd(object, index);
    if (fd < 0)
        return fd;
    const struct bpf_map *map = object->maps[index];
    struct eu_map_shape shape = {fd, bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map), object->no_batch[index]};
    long count = eu_fd_read_batch(&shape, bpf_map__name(map), cursor, first, keys, values, max, end);
    object->no_batch[index] = shape.no_batch;
    return count;
}

int eu_map_pin(struct eu_object *object, int index, const char *path) {
    struct bpf_map *map = eu_map(object, index);
    if (!map)
        return -EINVAL;
    int err = -bpf_map__pin(map, path);
    return err ? eu_fail(err, "pin map %s at %s: %s%s", bpf_map__name(map), path, eu_reason(err),
                         err == EINVAL ? " [the folder must be of a BPF file system: mount -t bpf bpf /sys/fs/bpf]" : "")
               : 0;
}

int eu_possible_cpus(void) {
    static int count;
    if (!count)
        count = libbpf_num_possible_cpus();
    return count;
}
