/* What the policy of guests asks about, beside what everybody may know of an object. */
#define _GNU_SOURCE
#include "chain.h"
#include "error.h"
#include "guest.h"
#include "object.h"
#include "uapi.h"
#include <linux/magic.h>
#include <sys/vfs.h>

#define MOST (1ULL << 60)
enum { BESIDE = 80 /* bytes that a table or trie keeps with each element, about */ };

const char *eu_map_pin_path(struct eu_object *object, int index) {
    struct bpf_map *map = eu_map(object, index);
    return map ? bpf_map__pin_path(map) : NULL;
}

static uint64_t times(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) || product > MOST ? MOST : product;
}

/* Elements that stand in a row, with nothing beside them. */
static int is_plain(int type) {
    return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PROG_ARRAY ||
           type == BPF_MAP_TYPE_STACK_TRACE || type == BPF_MAP_TYPE_CGROUP_ARRAY || type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
           type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK || type == BPF_MAP_TYPE_BLOOM_FILTER || type == EU_MAP_TYPE_ARENA;
}

uint64_t eu_map_size(int type, uint64_t key, uint64_t value, uint64_t entries, uint64_t perf_pages) {
    uint64_t cpus = (uint64_t)eu_possible_cpus(), each = (value + 7) & ~7ull;
    switch (type) {
    case BPF_MAP_TYPE_RINGBUF:
    case BPF_MAP_TYPE_USER_RINGBUF:
        return entries;
    case EU_MAP_TYPE_ARENA:
        each = 4096;
        break;
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
        each = times(each, cpus);
        break;
    case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
        return times(times(perf_pages, 4096), cpus);
    default:
        break;
    }
    if (!is_plain(type))
        each += ((key + 7) & ~7ull) + BESIDE;
    return times(each ? each : 1, entries);
}

static uint64_t bytes_of(struct bpf_map *map, uint64_t perf_pages) {
    struct bpf_map *inner = bpf_map__inner_map(map);
    return eu_map_size((int)bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map), bpf_map__max_entries(map), perf_pages) +
           (inner ? bytes_of(inner, 0) : 0);
}

uint64_t eu_map_bytes(struct eu_object *object, int index) {
    struct bpf_map *map = eu_map(object, index);
    return map && bpf_map__autocreate(map) ? bytes_of(map, (uint64_t)object->perf_pages[index]) : 0;
}

int eu_is_cgroup(int fd) {
    struct statfs there;
    return !fstatfs(fd, &there) && there.f_type == CGROUP2_SUPER_MAGIC;
}

int eu_guest_offer(int index, struct eu_guest_offer *offer) {
    static const struct eu_host_function *const lists[] = {eu_bpf_functions, eu_wasi_functions};
    for (int i = 0; i < 2; i++)
        for (const struct eu_host_function *f = lists[i]; f->name; f++)
            if (index-- == 0) {
                *offer = (struct eu_guest_offer){f->module, f->name, f->type};
                return 1;
            }
    for (const struct eu_guest_function *f = eu_sieve_functions; f->name; f++)
        if (index-- == 0) {
            *offer = (struct eu_guest_offer){f->module, f->name, f->type};
            return 1;
        }
    return 0;
}

void eu_set_error(int err, const char *line) {
    eu_fail(err, "%s", line);
}
