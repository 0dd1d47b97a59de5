/* Elements of maps by descriptor: of an object's, of pins, of maps by id. */
#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

static int done(int err, const char *what, const char *name) {
    return err < 0 ? eu_fail(-err, "map %s: %s: %s", name, what, eu_reason(-err)) : err;
}

int eu_fd_lookup(int fd, const char *name, const void *key, void *value) {
    return done(bpf_map_lookup_elem(fd, key, value), "look up", name);
}

int eu_fd_update(int fd, const char *name, const void *key, const void *value, uint64_t flags) {
    return done(bpf_map_update_elem(fd, key, value, flags), "update", name);
}

int eu_fd_delete(int fd, const char *name, const void *key) {
    return done(bpf_map_delete_elem(fd, key), "delete", name);
}

static int is_per_cpu(uint32_t type) {
    return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
           type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

static size_t value_room(const struct eu_map_shape *shape) {
    size_t size = shape->value_size;
    return is_per_cpu(shape->type) ? (size + 7) / 8 * 8 * eu_possible_cpus() : size;
}

/* Element by element: the cursor holds the last key. A key that vanished in between is passed over. */
static long read_elements(const struct eu_map_shape *shape, const char *name, char *cursor, int first, char *keys, char *values,
                          uint32_t max, int *end) {
    size_t key_size = shape->key_size, room = value_room(shape);
    uint32_t count = 0;
    while (count < max) {
        char *key = keys + count * key_size;
        if (bpf_map_get_next_key(shape->fd, first ? NULL : cursor, key)) {
            if (errno != ENOENT)
                return done(-errno, "next key", name);
            *end = 1;
            break;
        }
        first = 0;
        memcpy(cursor, key, key_size);
        if (!bpf_map_lookup_elem(shape->fd, key, values + count * room))
            count++;
        else if (errno != ENOENT)
            return done(-errno, "look up", name);
    }
    return count;
}

long eu_fd_read_batch(struct eu_map_shape *shape, const char *name, void *cursor, int first, void *keys, void *values, uint32_t max,
                      int *end) {
    char next[512];
    *end = 0;
    shape->no_batch |= shape->key_size > sizeof(next);
    if (!shape->no_batch) {
        uint32_t count = max;
        /* hash maps keep a bucket number in the cursor, others a key */
        int err = bpf_map_lookup_batch(shape->fd, first ? NULL : cursor, next, keys, values, &count, NULL);
        if (!err || errno == ENOENT) {
            *end = err != 0;
            memcpy(cursor, next, shape->key_size > 4 ? shape->key_size : 4);
            return count;
        }
        /* ENOSPC: one bucket holds more than `max` elements; others: this kernel or map type has no batches */
        if (!first)
            return errno == ENOSPC ? -ENOSPC : done(-errno, "look up batch", name);
        if (errno == ENOSPC)
            return -ENOSPC;
        shape->no_batch = 1;
    }
    return read_elements(shape, name, cursor, first, keys, values, max, end);
}
