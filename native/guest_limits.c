/* What a guest may do to an object before it is loaded. libbpf's own callers are trusted and it checks little: an array's size set beside
 * its memory, a struct_ops map's beside its struct, an arena's address: each would let bytes of the guest over the host's memory. */
#define _GNU_SOURCE
#include "guest_bpf.h"
#include "uapi.h"
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

enum { SECTION_BYTES = 256 << 20, PERF_PAGES = 4096, SEGV_ON_FAULT = 1 << 17, ARENA = 33 };
enum { MAP_PERF_PAGES = 2, MAP_TYPE = 3, MAP_KEY_SIZE, MAP_VALUE_SIZE, MAP_AUTOCREATE = 7 };

static int holds_maps(uint32_t type) {
    return type == BPF_MAP_TYPE_PROG_ARRAY || type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

static int is_made_by_libbpf(uint32_t type) {
    return type == BPF_MAP_TYPE_STRUCT_OPS || type == ARENA;
}

/* Bytes of sections that are kept in the host's memory for all its objects. */
static uint64_t section_bytes(const struct eu_guest *guest, const struct eu_object *without) {
    uint64_t sum = 0;
    for (const struct eu_guest_object *o = guest->objects ? guest->objects->first : NULL; o; o = o->next)
        for (int i = 0; o->object != without && i < o->object->nr_maps; i++)
            sum += bpf_map__is_internal(o->object->maps[i]) ? bpf_map__value_size(o->object->maps[i]) : 0;
    return sum;
}

int eu_guest_fits(struct eu_guest *guest, const struct eu_object *object) {
    uint64_t sum = section_bytes(guest, object);
    for (int i = 0; i < object->nr_maps; i++) {
        const struct bpf_map *map = object->maps[i];
        if (bpf_map__type(map) == ARENA && (bpf_map__map_extra(map) || bpf_map__map_flags(map) & SEGV_ON_FAULT))
            return eu_guest_failed(guest, EACCES, "map %.100s: an arena of a guest has neither an address in the host nor SEGV_ON_FAULT",
                                   bpf_map__name(map));
        sum += bpf_map__is_internal(map) ? bpf_map__value_size(map) : 0;
    }
    if (sum > SECTION_BYTES)
        return eu_guest_failed(guest, EFBIG, "open object: the sections of the guest's objects have %llu bytes, at most %d may be",
                               (unsigned long long)sum, SECTION_BYTES);
    return 0;
}

/* libbpf keeps pointers to the names of externs, and resizing moves the types and their strings. */
static int has_externs(const struct eu_object *object) {
    const struct btf *btf = bpf_object__btf(object->bpf);
    return btf &&
           (btf__find_by_name_kind(btf, ".kconfig", BTF_KIND_DATASEC) > 0 || btf__find_by_name_kind(btf, ".ksyms", BTF_KIND_DATASEC) > 0);
}

/* .data and its like are as large as their section: it may be another, no more. */
static int may_resize(const struct eu_guest *guest, const struct eu_object *object, const struct bpf_map *map, int what, uint32_t value) {
    const char *dot = strrchr(bpf_map__name(map), '.');
    return what == MAP_VALUE_SIZE && bpf_map__is_internal(map) && bpf_map__type(map) == BPF_MAP_TYPE_ARRAY && dot &&
           strcmp(dot, ".kconfig") != 0 && !has_externs(object) && value <= SECTION_BYTES &&
           section_bytes(guest, NULL) + value <= SECTION_BYTES;
}

int eu_guest_may_set(struct eu_guest *guest, const struct eu_object *object, int index, int what, uint32_t value) {
    const struct bpf_map *map = object->maps[index];
    uint32_t type = bpf_map__type(map);
    int is_fixed = bpf_map__is_internal(map) || is_made_by_libbpf(type), err = 0;
    if (what == MAP_AUTOCREATE)
        return 0;
    if (what == MAP_PERF_PAGES)
        err = value > PERF_PAGES ? EINVAL : 0;
    else if (is_fixed)
        err = may_resize(guest, object, map, what, value) ? 0 : EOPNOTSUPP;
    else if (holds_maps(type) && (what == MAP_KEY_SIZE || what == MAP_VALUE_SIZE)) /* libbpf fills them: keys and values are ints of its */
        err = EOPNOTSUPP;
    else if (what == MAP_TYPE && value != type)
        err = is_made_by_libbpf(value) || holds_maps(type) || holds_maps(value) ? EOPNOTSUPP : 0;
    return -err;
}
