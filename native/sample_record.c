/* Snapshots of sampled maps: into a recording, and out of one in place of the map. */
#include "error.h"
#include "sample_parts.h"
#include <errno.h>
#include <linux/bpf.h>

enum { SNAPSHOT_LIMIT = 512 << 20, CPUS = 65536 };

void eu_sample_keep(struct eu_sample *s, eu_keep_snapshot keep, void *context, int is_silent) {
    s->is_silent = is_silent;
    s->keep = keep;
    s->keep_context = context;
}

int eu_sample_kept(struct eu_sample *s) {
    if (!s->keep || !s->nr_keys)
        return 0;
    const struct eu_snapshot snapshot = {
        .map_type = s->info.type,
        .key_size = s->info.key_size,
        .value_size = (uint32_t)s->stride,
        .cpus = (uint32_t)s->cpus,
        .is_cleared = s->clear,
        .count = s->nr_keys,
        .keys = s->keys,
        .values = s->values,
    };
    return s->keep(s->keep_context, &snapshot);
}

void eu_sample_finish(struct eu_sample *s, struct eu_out *out) {
    if (s->stacks && !s->object)
        eu_stacks_finish(s->stacks, out);
}

static int has_cpus(uint32_t type) {
    return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
           type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

void eu_sample_shape(struct eu_sample *s, uint32_t map_type, uint32_t cpus) {
    s->info.type = map_type;
    s->is_array = map_type == BPF_MAP_TYPE_ARRAY || map_type == BPF_MAP_TYPE_PERCPU_ARRAY;
    s->cpus = has_cpus(map_type) ? (int)cpus : 0;
    s->stride = s->cpus ? (s->info.value_size + 7ul) / 8 * 8 * (size_t)s->cpus : s->info.value_size;
}

int eu_sample_put(struct eu_sample *s, const struct eu_snapshot *snapshot, int is_first) {
    if (is_first) {
        s->nr_keys = 0;
        if (snapshot->cpus > CPUS || (has_cpus(snapshot->map_type) && !snapshot->cpus))
            return -EBADMSG;
        if (snapshot->map_type != s->info.type || (uint32_t)s->cpus != snapshot->cpus)
            s->room_keys = 0; /* values of another size */
        eu_sample_shape(s, snapshot->map_type, snapshot->cpus);
    }
    if (snapshot->key_size != s->info.key_size || snapshot->value_size != s->stride || snapshot->map_type != s->info.type)
        return -EBADMSG;
    if ((s->nr_keys + snapshot->count) * (s->info.key_size + s->stride) > SNAPSHOT_LIMIT)
        return -EFBIG;
    if (eu_sample_room(s, s->nr_keys + snapshot->count))
        return -ENOMEM;
    memcpy(s->keys + s->nr_keys * s->info.key_size, snapshot->keys, snapshot->count * s->info.key_size);
    memcpy(s->values + s->nr_keys * s->stride, snapshot->values, snapshot->count * s->stride);
    s->nr_keys += snapshot->count;
    return 0;
}
