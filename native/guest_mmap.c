/* A map's own memory in place of a guest's pages: arrays with BPF_F_MMAPABLE, so that .data and .bss live in the guest. Only maps that may
 * be written to: the host and the kernel write to guest memory too, and a page that cannot be written to would end the host. */
#define _GNU_SOURCE
#include "guest_bpf.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, MOST = 1024 /* each splits the mapping around it, of which a process has 65530 */ };

/* Anonymous pages with the same contents. */
static int ordinary(uint8_t *at, size_t size) {
    uint8_t *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return -errno;
    memcpy(copy, at, size);
    if (mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) != MAP_FAILED)
        return 0;
    int err = errno;
    munmap(copy, size);
    return -err;
}

static void remove_mapping(struct eu_guest *guest, struct eu_guest_mapping **place) {
    struct eu_guest_mapping *mapping = *place;
    *place = mapping->next;
    ordinary(mapping->pages, mapping->size);
    guest->objects->nr_mappings--;
    free(mapping);
}

void eu_guest_unmap(struct eu_guest *guest, struct eu_guest_object *object) {
    for (struct eu_guest_mapping **at = &guest->objects->mappings; *at;)
        if (!object || (*at)->owner == object)
            remove_mapping(guest, at);
        else
            at = &(*at)->next;
}

static int overlaps(const struct eu_guest *guest, const uint8_t *pages, uint32_t size) {
    for (const struct eu_guest_mapping *m = guest->objects->mappings; m; m = m->next)
        if (pages < m->pages + m->size && m->pages < pages + size)
            return 1;
    return 0;
}

/* 0, or why a map's memory cannot be put there. */
static int may_map(struct eu_guest *guest, const struct eu_guest_fd *map, const uint8_t *to, uint32_t at, uint32_t size) {
    if (!guest->engine->fixed_memory || sysconf(_SC_PAGESIZE) != PAGE)
        return eu_guest_failed(guest, EOPNOTSUPP, "map memory: this host cannot put a map's memory into a guest's");
    if (map->type != BPF_MAP_TYPE_ARRAY || !(map->flags & BPF_F_MMAPABLE))
        return eu_guest_failed(guest, EINVAL, "map memory: only arrays with BPF_F_MMAPABLE have memory that can be shared");
    if (!size || at % PAGE || size % PAGE || (uintptr_t)to % PAGE)
        return eu_guest_failed(guest, EINVAL, "map memory: %u bytes at %u are no whole pages of %d", size, at, PAGE);
    if (guest->objects->nr_mappings >= MOST)
        return eu_guest_failed(guest, EMFILE, "map memory: the guest has %d maps in its memory, as many as it may", MOST);
    if (overlaps(guest, to, size))
        return eu_guest_failed(guest, EEXIST, "map memory: a map is there already");
    return 0;
}

EU_GUEST_CALL(eu_call_mmap) {
    struct eu_guest_fd *map = eu_guest_map(guest, slots[0].i32);
    uint32_t at = slots[1].u32, size = slots[2].u32;
    uint8_t *to = map ? eu_guest_span(guest, at, size, "map memory") : NULL;
    if (!to)
        return eu_answer(slots, map ? -EFAULT : -EBADF);
    int err = may_map(guest, map, to, at, size);
    struct eu_guest_mapping *mapping = err ? NULL : malloc(sizeof(*mapping));
    if (!err && !mapping)
        err = eu_guest_failed(guest, ENOMEM, "map memory: out of memory");
    /* First elsewhere: a mapping that fails must not leave a hole. */
    void *there = err ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
    if (!err && (there == MAP_FAILED || mremap(there, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)) {
        err = eu_guest_failed(guest, errno, "map memory: %s", eu_reason(errno));
        if (there != MAP_FAILED)
            munmap(there, size);
    }
    if (err) {
        free(mapping);
        return eu_answer(slots, err);
    }
    *mapping = (struct eu_guest_mapping){guest->objects->mappings, map->owner, to, size};
    guest->objects->mappings = mapping;
    guest->objects->nr_mappings++;
    return eu_answer(slots, 0);
}

EU_GUEST_CALL(eu_call_munmap) {
    uint32_t at = slots[0].u32, size = slots[1].u32;
    const uint8_t *pages = eu_guest_bytes(guest, at, size);
    struct eu_guest_mapping **place = pages && guest->objects ? &guest->objects->mappings : NULL;
    while (place && *place && ((*place)->pages != pages || (*place)->size != size))
        place = &(*place)->next;
    if (!place || !*place)
        return eu_answer(slots, eu_guest_failed(guest, EINVAL, "map memory: no map is at %u with %u bytes", at, size));
    remove_mapping(guest, place);
    return eu_answer(slots, 0);
}
