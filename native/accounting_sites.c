/* The call sites of an object: variables of section .data.eunomia whose tags say what they count, of which map. */
#include "accounting.h"
#include <bpf/btf.h>
#include <ctype.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

static const char SECTION[] = ".data.eunomia", PREFIX[] = "eunomia:";
enum { PAIR = 16, FAR = 63, NOT_THERE = -1, MOST_SITES = 1 << 14 };

static int map_called(const struct eu_accounting *a, const char *name, size_t length) {
    for (int i = 0; i < a->nr_maps; i++)
        if (!strncmp(a->maps[i].name, name, length) && !a->maps[i].name[length])
            return i;
    return -1;
}

int eu_site_can_mean(enum eu_site_kind kind, const struct eu_counted_map *map) {
    switch (map->type) {
    case BPF_MAP_TYPE_RINGBUF:
        return kind == EU_SITE_RING;
    case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
        return kind == EU_SITE_PERF;
    case BPF_MAP_TYPE_STACK_TRACE:
        return kind == EU_SITE_STACK;
    case BPF_MAP_TYPE_QUEUE:
    case BPF_MAP_TYPE_STACK:
    case BPF_MAP_TYPE_BLOOM_FILTER:
        return kind == EU_SITE_PUSH;
    case BPF_MAP_TYPE_PROG_ARRAY:
    case BPF_MAP_TYPE_CGROUP_ARRAY:
    case BPF_MAP_TYPE_STRUCT_OPS:
    case BPF_MAP_TYPE_USER_RINGBUF:
        return 0;
    default:
        return kind == EU_SITE_MAP && !map->is_internal;
    }
}

static uint64_t bit_of(int map) {
    return 1ull << (map < FAR ? map : FAR);
}

static int is_word(char letter) {
    return isalnum((unsigned char)letter) || letter == '_';
}

/* The maps whose address an argument takes: `&events`, `(void *)&(events)`. A bare name is a variable. */
static uint64_t maps_in(const struct eu_accounting *a, const char *words, int *only) {
    uint64_t found = 0;
    *only = -1;
    while ((words = strchr(words, '&'))) {
        size_t length = 0;
        for (words++; *words == ' ' || *words == '('; words++)
            ;
        while (is_word(words[length]))
            length++;
        int map = length ? map_called(a, words, length) : -1;
        if (map < 0)
            continue;
        *only = found && *only != map ? -1 : map;
        found |= bit_of(map);
    }
    return found;
}

/* A site that names no map means the only one of its kind, unless maps can come out of maps. */
static void guess(const struct eu_accounting *a, struct eu_site *site) {
    int has_inner = 0, count = 0, last = -1;
    for (int i = 0; i < a->nr_maps; i++) {
        has_inner |= a->maps[i].type == BPF_MAP_TYPE_ARRAY_OF_MAPS || a->maps[i].type == BPF_MAP_TYPE_HASH_OF_MAPS;
        if (!eu_site_can_mean(site->kind, &a->maps[i]))
            continue;
        site->maybe |= bit_of(i);
        last = i;
        count++;
    }
    if (count == 1 && !has_inner)
        site->map = last;
}

static int kind_of(const char *word, size_t length) {
    static const char *const kinds[EU_SITE_KINDS] = {"ring", "perf", "map", "push", "stack"};
    for (int i = 0; i < EU_SITE_KINDS; i++)
        if (strlen(kinds[i]) == length && !memcmp(kinds[i], word, length))
            return i;
    return -1;
}

static struct eu_site *new_site(struct eu_accounting *a) {
    enum { FEW = 32 };
    if (a->nr_sites >= FEW ? !(a->nr_sites & (a->nr_sites - 1)) : !a->nr_sites) { /* it is full: room doubles */
        size_t room = a->nr_sites ? 2u * (size_t)a->nr_sites : FEW;
        struct eu_site *larger = room > MOST_SITES ? NULL : realloc(a->sites, room * sizeof(*larger));
        if (!larger)
            return NULL;
        a->sites = larger;
    }
    return &a->sites[a->nr_sites++];
}

static void note_updates(struct eu_accounting *a, const struct eu_site *site) {
    for (int i = 0; i < a->nr_maps; i++)
        if (site->map == i || (site->map < 0 && site->maybe & bit_of(i) && eu_site_can_mean(site->kind, &a->maps[i])))
            a->maps[i].has_updates = 1;
}

/* The counters of the maps that a site may mean, behind those of the one it names: NAMES is the list of all of them. */
static int add_listed(struct eu_accounting *a, struct eu_site site, const char *names, uint32_t pairs) {
    if (pairs > (uint32_t)a->nr_maps + 1)
        return -1;
    for (uint32_t pair = 1; pair < pairs; pair++) {
        size_t length = strcspn(names, ",");
        site.offset += PAIR;
        site.map = map_called(a, names, length);
        if (site.map < 0)
            return -1;
        if (eu_site_can_mean(site.kind, &a->maps[site.map])) {
            struct eu_site *listed = new_site(a);
            if (!listed)
                return -1;
            *listed = site;
        }
        names += names[length] ? length + 1 : length;
    }
    return 0;
}

/* `KIND=ARGUMENT`, behind the tag's prefix. Returns -1 for what this version does not have. */
static int add_site(struct eu_accounting *a, const char *words, const struct btf_var_secinfo *at, const char *names) {
    const char *argument = strchr(words, '=');
    uint32_t offset = at->offset, size = at->size < PAIR ? PAIR : at->size;
    int kind = argument ? kind_of(words, (size_t)(argument - words)) : -1;
    if (kind < 0 || offset % 8 || offset > a->size || a->size - offset < size)
        return -1;
    struct eu_site *site = new_site(a);
    if (!site)
        return -1;
    *site = (struct eu_site){.offset = offset, .kind = (enum eu_site_kind)kind};
    site->maybe = maps_in(a, argument + 1, &site->map);
    if (!site->maybe)
        guess(a, site);
    if (kind >= EU_SITE_MAP)
        note_updates(a, site);
    return add_listed(a, *site, names, size / PAIR);
}

/* The variables of the section by type id; NULL: none of it. */
static const struct btf_var_secinfo **variables(const struct btf *btf, const struct btf_type *section) {
    uint32_t count = btf__type_cnt(btf);
    const struct btf_var_secinfo **found = calloc(count, sizeof(*found)), *info = section ? btf_var_secinfos(section) : NULL;
    for (int i = 0; found && section && i < btf_vlen(section); i++)
        if (info[i].type < count)
            found[info[i].type] = &info[i];
    return found;
}

static const char *tag_at(const struct btf *btf, uint32_t id, uint32_t *variable) {
    const struct btf_type *type = btf__type_by_id(btf, id);
    const char *name = type && btf_is_decl_tag(type) ? btf__name_by_offset(btf, type->name_off) : NULL;
    if (!name || btf_decl_tag(type)->component_idx != -1 || strncmp(name, PREFIX, sizeof(PREFIX) - 1))
        return NULL;
    *variable = type->type;
    return name + sizeof(PREFIX) - 1;
}

static const char *after(const char *words, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(words, prefix, length) ? NULL : words + length;
}

/* The last tag that begins so; NULL: none. */
static const char *tag_called(const struct btf *btf, const char *prefix) {
    const char *found = NULL;
    uint32_t variable, count = btf__type_cnt(btf);
    for (uint32_t id = 1; id < count; id++) {
        const char *tag = tag_at(btf, id, &variable), *words = tag ? after(tag, prefix) : NULL;
        found = words ? words : found;
    }
    return found;
}

static void read_tags(struct eu_accounting *a, const struct btf *btf, const struct btf_var_secinfo **variables) {
    const char *version = tag_called(btf, "accounting="), *names = tag_called(btf, "maps=");
    uint32_t variable = 0, count = btf__type_cnt(btf);
    int is_foreign = !version || strcmp(version, "1") != 0;
    for (uint32_t id = 1; id < count && !is_foreign; id++) {
        const char *tag = tag_at(btf, id, &variable), *words = tag ? after(tag, "count=") : NULL;
        if (words && variable < count && variables[variable])
            is_foreign = add_site(a, words, variables[variable], names ? names : "");
    }
    a->version = !is_foreign;
}

int eu_accounting_find(struct eu_accounting *a, const struct btf *btf) {
    int section = btf ? btf__find_by_name_kind(btf, SECTION, BTF_KIND_DATASEC) : NOT_THERE;
    if (!btf)
        return 0;
    const struct btf_var_secinfo **found = variables(btf, section > 0 ? btf__type_by_id(btf, (uint32_t)section) : NULL);
    if (found)
        read_tags(a, btf, found);
    free(found);
    return found ? 0 : -ENOMEM;
}
