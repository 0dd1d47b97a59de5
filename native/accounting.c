/* The counters of an object in section .data.eunomia, and the readers of its maps. Both belong to one struct, which the object
 * shares with its readers: accounts can be read while events flow, and after the object was closed. */
#define _GNU_SOURCE
#include "accounting.h"
#include "error.h"
#include "object.h"
#include "reader.h"
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static int name_maps(struct eu_accounting *a, struct eu_object *object) {
    a->maps = calloc((size_t)object->nr_maps + 1, sizeof(*a->maps)); /* the last: updates whose map is not clear */
    for (int i = 0; a->maps && i < object->nr_maps; i++) {
        const struct bpf_map *map = object->maps[i];
        a->maps[i].name = strdup(bpf_map__name(map));
        if (!a->maps[i].name)
            return -ENOMEM;
        a->maps[i].type = bpf_map__type(map);
        a->maps[i].is_internal = bpf_map__is_internal(map);
        a->nr_maps++;
    }
    return a->maps ? 0 : -ENOMEM;
}

static void map_section(struct eu_accounting *a, const struct eu_object *object) {
    for (int i = 0; i < a->nr_maps; i++) {
        if (!a->maps[i].is_internal || strcmp(a->maps[i].name, ".data.eunomia"))
            continue;
        a->fd = fcntl(bpf_map__fd(object->maps[i]), F_DUPFD_CLOEXEC, 3);
        a->size = bpf_map__value_size(object->maps[i]);
        void *memory = a->fd < 0 ? MAP_FAILED : mmap(NULL, a->size, PROT_READ, MAP_SHARED, a->fd, 0);
        if (memory == MAP_FAILED) /* kernels before 5.5: looked up */
            return;
        a->memory = memory;
        close(a->fd);
        a->fd = -1;
    }
}

static struct eu_accounting *make(struct eu_object *object) {
    struct eu_accounting *a = calloc(1, sizeof(*a));
    if (!a)
        return eu_fail_null(ENOMEM, "open accounting: out of memory");
    pthread_mutex_init(&a->lock, NULL);
    a->references = 1;
    a->fd = -1;
    int err = name_maps(a, object);
    if (!err)
        map_section(a, object);
    if (!err && !eu_accounting_find(a, bpf_object__btf(object->bpf)))
        return a;
    eu_accounting_close(a);
    return eu_fail_null(ENOMEM, "open accounting: out of memory");
}

struct eu_accounting *eu_accounting_open(struct eu_object *object) {
    if (!object->loaded)
        return eu_fail_null(EINVAL, "open accounting: the object is not loaded");
    pthread_mutex_lock(&opening);
    if (!object->accounting)
        object->accounting = make(object);
    struct eu_accounting *a = object->accounting;
    if (a)
        __atomic_fetch_add(&a->references, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&opening);
    return a;
}

void eu_accounting_close(struct eu_accounting *a) {
    if (!a || __atomic_sub_fetch(&a->references, 1, __ATOMIC_ACQ_REL))
        return;
    if (a->memory)
        munmap((void *)a->memory, a->size);
    if (a->fd >= 0)
        close(a->fd);
    for (int i = 0; i < a->nr_maps; i++)
        free(a->maps[i].name);
    free(a->maps);
    free(a->sites);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static void add_site(const struct eu_site *site, uint64_t calls, uint64_t failures, struct eu_counts *counts) {
    switch (site->kind) {
    case EU_SITE_RING:
    case EU_SITE_PERF:
        counts->calls += calls;
        counts->failures += failures;
        break;
    case EU_SITE_STACK:
        counts->collisions += failures;
        break;
    default:
        counts->map_full += failures;
    }
}

static void add_sites(const struct eu_accounting *a, const uint8_t *memory, int map, struct eu_counts *counts) {
    uint64_t bit = 1ull << (map < 63 ? map : 63);
    for (int i = 0; i < a->nr_sites; i++) {
        const struct eu_site *site = &a->sites[i];
        const uint64_t *n = (const uint64_t *)(memory + site->offset);
        uint64_t failures = __atomic_load_n(&n[1], __ATOMIC_ACQUIRE), calls = __atomic_load_n(&n[0], __ATOMIC_ACQUIRE);
        if (map == a->nr_maps ? site->map < 0 && site->kind >= EU_SITE_MAP : site->map == map)
            add_site(site, calls, failures, counts);
        else if (site->map < 0 && map < a->nr_maps && site->maybe & bit && calls + failures && eu_site_can_mean(site->kind, &a->maps[map]))
            counts->known = 0; /* it was used, and nobody can say for which map */
    }
}

void eu_accounting_read(const struct eu_accounting *a, int map, struct eu_counts *counts) {
    uint32_t zero = 0;
    *counts = (struct eu_counts){.known = a && a->version};
    if (!counts->known || !a->nr_sites)
        return;
    uint8_t *copy = a->memory ? NULL : malloc(a->size);
    if (!a->memory && (!copy || bpf_map_lookup_elem(a->fd, &zero, copy)))
        counts->known = 0;
    else
        add_sites(a, a->memory ? a->memory : copy, map, counts);
    free(copy);
}
