/* Section .bss.eunomia of an object: counters by call site, found by the tags of their variables in the object's BTF. */
#define _GNU_SOURCE
#include "accounting.h"
#include "object.h"
#include <bpf/btf.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const char SECTION[] = ".bss.eunomia", COUNT[] = "eunomia:count=";
enum site_kind { OTHER, RING, PERF, WAKE };

struct site {
    uint32_t offset;
    int map; /* -1: its argument names none */
    enum site_kind kind;
};

struct eu_accounting {
    struct eu_object *object;
    int map, nr_sites;
    size_t size;
    void *memory; /* NULL: the kernel cannot map it */
    struct site *sites;
};

static int map_called(struct eu_object *object, const char *name, size_t length) {
    for (int i = 0; i < object->nr_maps; i++) {
        const char *other = bpf_map__name(object->maps[i]);
        if (strlen(other) == length && !memcmp(other, name, length))
            return i;
    }
    return -1;
}

/* The one map that an argument names: `&events`, `(void *)&events`. */
static int map_in(struct eu_object *object, const char *words) {
    int found = -1;
    while (*words) {
        size_t length = 0;
        while (isalnum((unsigned char)words[length]) || words[length] == '_')
            length++;
        int map = length ? map_called(object, words, length) : -1;
        if (map >= 0 && found >= 0 && map != found)
            return -1;
        found = map >= 0 ? map : found;
        words += length ? length : 1;
    }
    return found;
}

static uint32_t offset_of(const struct btf *btf, const struct btf_type *section, uint32_t variable) {
    const struct btf_var_secinfo *info = btf_var_secinfos(section);
    for (int i = 0; i < btf_vlen(section); i++)
        if (info[i].type == variable)
            return info[i].offset;
    return UINT32_MAX;
}

static void add_site(struct eu_accounting *a, const struct btf *btf, const struct btf_type *section, const struct btf_type *tag) {
    const char *words = btf__name_by_offset(btf, tag->name_off) + sizeof(COUNT) - 1, *map = strchr(words, '=');
    uint32_t offset = offset_of(btf, section, tag->type);
    if (!map || offset > a->size || a->size - offset < 16 || offset % 8)
        return;
    size_t length = (size_t)(map - words);
    struct site *site = &a->sites[a->nr_sites++];
    site->offset = offset;
    site->map = map_in(a->object, map + 1);
    site->kind = length != 4                 ? OTHER
                 : !memcmp(words, "ring", 4) ? RING
                 : !memcmp(words, "perf", 4) ? PERF
                 : !memcmp(words, "wake", 4) ? WAKE
                                             : OTHER;
}

struct eu_accounting *eu_accounting_open(struct eu_object *object) {
    const struct btf *btf = bpf_object__btf(object->bpf);
    int map = map_called(object, SECTION, sizeof(SECTION) - 1);
    int section = btf && map >= 0 ? btf__find_by_name_kind(btf, SECTION, BTF_KIND_DATASEC) : -1;
    struct eu_accounting *a = section > 0 ? calloc(1, sizeof(*a)) : NULL;
    if (!a)
        return NULL;
    a->object = object;
    a->map = map;
    a->size = bpf_map__value_size(object->maps[map]);
    a->memory = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(object->maps[map]), 0);
    if (a->memory == MAP_FAILED)
        a->memory = NULL;
    const struct btf_type *datasec = btf__type_by_id(btf, (uint32_t)section);
    a->sites = calloc(btf_vlen(datasec) + 1, sizeof(*a->sites));
    for (uint32_t id = 1; a->sites && id < btf__type_cnt(btf) && a->nr_sites < btf_vlen(datasec); id++) {
        const struct btf_type *type = btf__type_by_id(btf, id);
        if (btf_is_decl_tag(type) && btf_decl_tag(type)->component_idx == -1 &&
            !strncmp(btf__name_by_offset(btf, type->name_off), COUNT, sizeof(COUNT) - 1))
            add_site(a, btf, datasec, type);
    }
    return a;
}

void eu_accounting_close(struct eu_accounting *a) {
    if (!a)
        return;
    if (a->memory)
        munmap(a->memory, a->size);
    free(a->sites);
    free(a);
}

void eu_accounting_read(const struct eu_accounting *a, int map, struct eu_counts *counts) {
    uint32_t zero = 0;
    int unclear = 0;
    *counts = (struct eu_counts){0};
    uint8_t *copy = a && !a->memory ? malloc(a->size) : NULL;
    const uint8_t *memory = a && a->memory ? a->memory : copy;
    if (!memory || (copy && bpf_map_lookup_elem(bpf_map__fd(a->object->maps[a->map]), &zero, copy))) {
        free(copy);
        return;
    }
    for (int i = 0; i < a->nr_sites; i++) {
        const struct site *site = &a->sites[i];
        const uint64_t *n = (const uint64_t *)(memory + site->offset);
        uint64_t calls = __atomic_load_n(&n[0], __ATOMIC_RELAXED), failures = __atomic_load_n(&n[1], __ATOMIC_RELAXED);
        unclear |= site->map < 0 && site->kind != OTHER;
        if (site->map != map)
            continue;
        if (site->kind == WAKE) {
            counts->wakes += calls;
            continue;
        }
        counts->calls += calls;
        counts->failures += failures;
        counts->known = 1;
    }
    counts->known &= !unclear;
    free(copy);
}
