/* Samples to a program: BPF_MAP_TYPE_USER_RINGBUF, which a program empties with bpf_user_ringbuf_drain(). */
#define _GNU_SOURCE
#include "user_ring.h"
#include "error.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* libbpf's producer is for one thread; maps may be used by several. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int open_ring(struct eu_object *object, int index, struct user_ring_buffer **ring) {
    const struct bpf_map *map = object->maps[index];
    if (bpf_map__type(map) != BPF_MAP_TYPE_USER_RINGBUF)
        return eu_fail(EINVAL, "submit to map %s: it is no user ring buffer (BPF_MAP_TYPE_USER_RINGBUF)", bpf_map__name(map));
    if (!object->loaded)
        return eu_fail(EINVAL, "submit to map %s: the object is not loaded", bpf_map__name(map));
    if (!object->user_rings && !(object->user_rings = calloc(object->nr_maps, sizeof(*object->user_rings))))
        return eu_fail(ENOMEM, "submit to map %s: out of memory", bpf_map__name(map));
    if (!object->user_rings[index])
        object->user_rings[index] = user_ring_buffer__new(bpf_map__fd(map), NULL);
    *ring = object->user_rings[index];
    return *ring ? 0 : eu_fail(errno, "submit to map %s: %s", bpf_map__name(map), eu_reason(errno));
}

static int submit(struct eu_object *object, int index, const void *data, size_t size) {
    struct user_ring_buffer *ring;
    int err = open_ring(object, index, &ring);
    if (err)
        return err;
    const struct bpf_map *map = object->maps[index];
    void *sample = size && size <= UINT32_MAX ? user_ring_buffer__reserve(ring, (uint32_t)size) : NULL;
    if (sample) {
        memcpy(sample, data, size);
        user_ring_buffer__submit(ring, sample);
        return 0;
    }
    if (!size)
        return eu_fail(EINVAL, "submit to map %s: a sample of no bytes", bpf_map__name(map));
    err = size > UINT32_MAX ? E2BIG : errno;
    if (err == ENOSPC)
        return eu_fail(err, "submit to map %s: no room for %zu bytes: its program has not drained it yet", bpf_map__name(map), size);
    if (err == E2BIG)
        return eu_fail(err, "submit to map %s: %zu bytes, and it has %u in all", bpf_map__name(map), size, bpf_map__max_entries(map));
    return eu_fail(err, "submit to map %s: %s", bpf_map__name(map), eu_reason(err));
}

int eu_map_submit(struct eu_object *object, int index, const void *data, size_t size) {
    if (!eu_map(object, index))
        return -EINVAL;
    pthread_mutex_lock(&lock);
    int err = submit(object, index, data, size);
    pthread_mutex_unlock(&lock);
    return err;
}

void eu_user_rings_free(struct eu_object *object) {
    for (int i = 0; object->user_rings && i < object->nr_maps; i++)
        user_ring_buffer__free(object->user_rings[i]);
    free(object->user_rings);
}
