/* Elements of a guest's maps: bpf(2) on the guest's own memory, whose bounds are checked with the sizes that the kernel copies. */
#define _GNU_SOURCE
#include "guest_bpf.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKUP = 1, UPDATE = 2, DELETE = 3, NEXT_KEY = 4, LOOKUP_AND_DELETE = 21, FREEZE = 22 };
enum { BATCH_LOOKUP = 24, BATCH_LOOKUP_AND_DELETE, BATCH_UPDATE, BATCH_DELETE };
enum { BATCH_BYTES = 256 << 20 };

/* Memory of the guest: NULL and -EFAULT where it is not all there. Nothing is asked of a size of 0: queues have no keys. */
struct span {
    uint8_t *bytes;
    int err;
};

static struct span span(struct eu_guest *guest, uint64_t at, uint64_t size, const char *what) {
    if (!size)
        return (struct span){NULL, 0};
    if (at > UINT32_MAX) {
        return (struct span){NULL,
                             eu_guest_failed(guest, EFAULT, "%s: address %#llx has no place in 32 bits", what, (unsigned long long)at)};
    }
    uint8_t *bytes = eu_guest_span(guest, (uint32_t)at, size, what);
    return (struct span){bytes, bytes ? 0 : -EFAULT};
}

/* A copy of a key or value in which descriptors are the host's; 0, or -errno. *copy is to be freed. */
static int with_host_fds(struct eu_guest *guest, const struct eu_guest_fd *map, uint8_t **bytes, size_t size, int is_key, uint8_t **copy) {
    *copy = NULL;
    if (!*bytes || !eu_guest_has_descriptors(map))
        return 0;
    if (!(*copy = malloc(size)))
        return eu_guest_failed(guest, ENOMEM, "map: out of memory");
    memcpy(*copy, *bytes, size);
    *bytes = *copy;
    return is_key ? eu_guest_key_in(guest, map, *copy) : eu_guest_value_in(guest, map, *copy);
}

static int one_element(struct eu_guest *guest, const struct eu_guest_fd *map, int cmd, uint8_t *key, uint8_t *value, uint64_t flags) {
    uint8_t *copy = NULL, *key_copy = NULL;
    int err = with_host_fds(guest, map, &key, map->key_size, 1, &key_copy);
    if (!err && cmd == UPDATE)
        err = with_host_fds(guest, map, &value, map->value_room, 0, &copy);
    if (!err)
        switch (cmd) {
        case LOOKUP:
            err = bpf_map_lookup_elem_flags(map->fd, key, value, flags);
            break;
        case UPDATE:
            err = bpf_map_update_elem(map->fd, key, value, flags);
            break;
        case DELETE:
            err = bpf_map_delete_elem_flags(map->fd, key, flags);
            break;
        default:
            err = bpf_map_lookup_and_delete_elem_flags(map->fd, key, value, flags);
        }
    free(copy);
    free(key_copy);
    return err;
}

static int next_key(struct eu_guest *guest, const struct eu_guest_fd *map, uint64_t key_at, uint64_t next_at) {
    struct span key = key_at ? span(guest, key_at, map->key_size, "key") : (struct span){NULL, 0};
    struct span next = key.err ? key : span(guest, next_at, map->key_size, "next key");
    if (next.err)
        return next.err;
    if (!map->key_size)
        return -EOPNOTSUPP;
    return bpf_map_get_next_key(map->fd, key.bytes, next.bytes);
}

static int operate(struct eu_guest *guest, int32_t number, int cmd, uint64_t key_at, uint64_t value_at, uint64_t next_at, uint64_t flags) {
    const struct eu_guest_fd *map = eu_guest_map(guest, number);
    if (!map)
        return -EBADF;
    switch (cmd) {
    case NEXT_KEY:
        return next_key(guest, map, key_at, next_at);
    case FREEZE:
        return bpf_map_freeze(map->fd) ? -errno : 0;
    case LOOKUP:
    case UPDATE:
    case DELETE:
    case LOOKUP_AND_DELETE:
        break;
    default:
        return eu_guest_failed(guest, EINVAL, "map: %d is no operation", cmd);
    }
    struct span key = span(guest, key_at, map->key_size, "key");
    struct span value = key.err || cmd == DELETE ? key : span(guest, value_at, map->value_room, "value");
    return value.err ? value.err : one_element(guest, map, cmd, key.bytes, cmd == DELETE ? NULL : value.bytes, flags);
}

EU_GUEST_CALL(eu_call_operate) {
    return eu_answer(slots, operate(guest, slots[0].i32, slots[1].i32, slots[2].u32, slots[3].u32, slots[4].u32, slots[5].u64));
}

EU_GUEST_CALL(eu_call_operate_wide) {
    return eu_answer(slots, operate(guest, slots[0].i32, slots[1].i32, slots[2].u64, slots[3].u64, slots[4].u64, slots[5].u64));
}

/* The first form: no flags, but an update may point to them in the place of the next key. */
EU_GUEST_CALL(eu_call_operate_first) {
    uint64_t flags = 0;
    struct span at = slots[1].i32 == UPDATE && slots[4].u32 ? span(guest, slots[4].u32, sizeof(flags), "flags") : (struct span){NULL, 0};
    if (at.err)
        return eu_answer(slots, at.err);
    if (at.bytes)
        memcpy(&flags, at.bytes, sizeof(flags));
    return eu_answer(slots, operate(guest, slots[0].i32, slots[1].i32, slots[2].u32, slots[3].u32, slots[4].u32, flags));
}

/* The keys and values of a batch. Those that the kernel reads and that are descriptors are copied. */
struct batch {
    const struct eu_guest_fd *map;
    int cmd;
    uint8_t *in, *out, *keys, *values;
    uint32_t count;
};

static int translate_batch(struct eu_guest *guest, struct batch *b, uint8_t **copy) {
    size_t room = b->map->value_room;
    *copy = NULL;
    if (b->cmd != BATCH_UPDATE || !eu_guest_has_descriptors(b->map))
        return 0;
    if (!(*copy = malloc(b->count * room + 1)))
        return eu_guest_failed(guest, ENOMEM, "map: out of memory");
    memcpy(*copy, b->values, b->count * room);
    b->values = *copy;
    for (uint32_t i = 0; i < b->count; i++) {
        int err = eu_guest_value_in(guest, b->map, *copy + i * room);
        if (err)
            return err;
    }
    return 0;
}

static int run_batch(const struct batch *b, uint32_t *count, uint64_t flags) {
    LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = flags);
    int fd = b->map->fd, err;
    switch (b->cmd) {
    case BATCH_LOOKUP:
        err = bpf_map_lookup_batch(fd, b->in, b->out, b->keys, b->values, count, &options);
        break;
    case BATCH_LOOKUP_AND_DELETE:
        err = bpf_map_lookup_and_delete_batch(fd, b->in, b->out, b->keys, b->values, count, &options);
        break;
    case BATCH_UPDATE:
        err = bpf_map_update_batch(fd, b->keys, b->values, count, &options);
        break;
    default:
        err = bpf_map_delete_batch(fd, b->keys, count, &options);
    }
    return err == -524 ? -EOPNOTSUPP : err; /* the kernel's ENOTSUPP, which no guest knows */
}

/* The guest's cursor may be of 4 bytes, as hash maps have it; what the kernel writes is never more than the larger of 4 and a key. */
static int batch_spans(struct eu_guest *guest, struct batch *b, const union eu_slot *slots) {
    const struct eu_guest_fd *map = b->map;
    uint32_t cursor = map->key_size > 16 ? map->key_size : 16;
    uint64_t room = map->value_room > map->key_size ? map->value_room : map->key_size;
    int reads = b->cmd == BATCH_LOOKUP || b->cmd == BATCH_LOOKUP_AND_DELETE;
    if (b->count > BATCH_BYTES / (room ? room : 1))
        return eu_guest_failed(guest, EINVAL, "batch of %u elements: more than memory holds", b->count);
    struct span in = reads && slots[2].u32 ? span(guest, slots[2].u32, cursor, "cursor") : (struct span){NULL, 0};
    struct span out = in.err || !reads ? in : span(guest, slots[3].u32, cursor, "cursor");
    struct span keys = out.err ? out : span(guest, slots[4].u32, (uint64_t)b->count * map->key_size, "keys");
    struct span values = keys.err || b->cmd == BATCH_DELETE ? keys : span(guest, slots[5].u32, b->count * map->value_room, "values");
    b->in = in.bytes;
    b->out = reads ? out.bytes : NULL;
    b->keys = keys.bytes;
    b->values = values.bytes;
    return values.err;
}

EU_GUEST_CALL(eu_call_batch) {
    struct batch b = {.map = eu_guest_map(guest, slots[0].i32), .cmd = slots[1].i32};
    uint8_t *count_at = b.map ? eu_guest_span(guest, slots[6].u32, 4, "count") : NULL, *copy = NULL;
    uint64_t flags = slots[7].u64;
    uint32_t count_slot = slots[6].u32;
    if (!count_at)
        return eu_answer(slots, b.map ? -EFAULT : -EBADF);
    if (b.cmd < BATCH_LOOKUP || b.cmd > BATCH_DELETE)
        return eu_answer(slots, eu_guest_failed(guest, EINVAL, "map: %d is no batch", b.cmd));
    memcpy(&b.count, count_at, 4);
    int err = batch_spans(guest, &b, slots);
    if (!err)
        err = translate_batch(guest, &b, &copy);
    if (!err) {
        uint32_t count = b.count;
        err = run_batch(&b, &count, flags);
        if ((count_at = eu_guest_bytes(guest, count_slot, 4)) && count <= b.count)
            memcpy(count_at, &count, 4);
    }
    free(copy);
    return eu_answer(slots, err);
}
