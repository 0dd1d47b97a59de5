/* Numbers by which a guest knows its maps and programs. They are its own: descriptors of the host, or of other guests, have none. */
#define _GNU_SOURCE
#include "guest_bpf.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Above what WASI gives files, so that close(2) of one is not mistaken for the other. */
enum { FIRST = 4096, SLOTS = 32768, GENERATIONS = 32768 };

static int is_per_cpu(uint32_t type) {
    return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
           type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

static int number_of(const struct eu_guest_objects *state, uint32_t slot) {
    return (int)((uint32_t)state->slots[slot].generation << 16 | (FIRST + slot));
}

/* Sizes are the kernel's: those of the object may be meant, these are what it copies. */
static int describe(struct eu_guest *guest, struct eu_guest_fd *fd) {
    const struct eu_object *object = fd->owner->object;
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);
    fd->fd = fd->is_program ? bpf_program__fd(object->progs[fd->index]) : bpf_map__fd(object->maps[fd->index]);
    const char *name = fd->is_program ? bpf_program__name(object->progs[fd->index]) : bpf_map__name(object->maps[fd->index]);
    if (!object->loaded || fd->fd < 0)
        return eu_guest_failed(guest, EINVAL, "%s %.100s: it is not loaded", fd->is_program ? "program" : "map", name);
    if (fd->is_program)
        return 0;
    if (bpf_map_get_info_by_fd(fd->fd, &info, &size))
        return eu_guest_failed(guest, errno, "map %.100s: read its sizes: %s", name, eu_reason(errno));
    fd->type = info.type;
    fd->key_size = info.key_size;
    fd->value_size = info.value_size;
    fd->max_entries = info.max_entries;
    fd->flags = info.map_flags;
    fd->value_room = is_per_cpu(info.type) ? ((size_t)info.value_size + 7) / 8 * 8 * (size_t)eu_possible_cpus() : info.value_size;
    return 0;
}

static int find_slot(struct eu_guest_objects *state) {
    for (uint32_t i = 0; i < state->nr_slots; i++)
        if (!state->slots[i].fd)
            return (int)i;
    if (state->nr_slots == SLOTS)
        return -EMFILE;
    if (state->nr_slots == state->slots_room) {
        uint32_t room = state->slots_room ? state->slots_room * 2 : 16;
        struct eu_guest_slot *slots = realloc(state->slots, room * sizeof(*slots));
        if (!slots)
            return -ENOMEM;
        state->slots = slots;
        state->slots_room = room;
    }
    state->slots[state->nr_slots] = (struct eu_guest_slot){NULL, 0};
    return (int)state->nr_slots++;
}

int eu_guest_fd_of(struct eu_guest *guest, struct eu_guest_object *object, int is_program, int index) {
    struct eu_guest_objects *state = guest->objects;
    for (uint32_t i = 0; i < state->nr_slots; i++) {
        const struct eu_guest_fd *fd = state->slots[i].fd;
        if (fd && fd->owner == object && fd->is_program == is_program && fd->index == index)
            return number_of(state, i);
    }
    struct eu_guest_fd *fd = calloc(1, sizeof(*fd));
    if (!fd)
        return eu_guest_failed(guest, ENOMEM, "map: out of memory");
    *fd = (struct eu_guest_fd){.owner = object, .is_program = is_program, .index = index};
    int err = describe(guest, fd), slot = err ? err : find_slot(state);
    if (slot < 0) {
        free(fd);
        return err ? err : eu_guest_failed(guest, -slot, "descriptor: the guest has as many as it may");
    }
    state->slots[slot].fd = fd;
    return number_of(state, (uint32_t)slot);
}

struct eu_guest_fd *eu_guest_fd(struct eu_guest *guest, int32_t number) {
    const struct eu_guest_objects *state = guest->objects;
    uint32_t slot = ((uint32_t)number & 0xffff) - FIRST;
    if (!state || slot >= state->nr_slots || state->slots[slot].generation != (uint32_t)number >> 16)
        return NULL;
    struct eu_guest_fd *fd = state->slots[slot].fd;
    return fd && !fd->owner->closed ? fd : NULL;
}

struct eu_guest_fd *eu_guest_map(struct eu_guest *guest, int32_t number) {
    struct eu_guest_fd *fd = eu_guest_fd(guest, number);
    if (fd && !fd->is_program)
        return fd;
    eu_guest_failed(guest, EBADF, "descriptor %d: no map of this guest has it", number);
    return NULL;
}

void eu_guest_fds_close(struct eu_guest *guest, struct eu_guest_object *object) {
    struct eu_guest_objects *state = guest->objects;
    for (uint32_t i = 0; i < state->nr_slots; i++) {
        struct eu_guest_slot *slot = &state->slots[i];
        if (!slot->fd || slot->fd->owner != object)
            continue;
        eu_guest_lost(guest, slot->fd);
        eu_buffer_close(slot->fd->buffer);
        free(slot->fd);
        slot->fd = NULL;
        slot->generation = (uint16_t)((slot->generation + 1) % GENERATIONS);
    }
}

static int fd_by_name(struct eu_guest *guest, union eu_slot *slots, int is_program) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    if (!object)
        return -EINVAL;
    int index = is_program ? eu_guest_prog_named(guest, object, slots[1].u32) : eu_guest_map_named(guest, object, slots[1].u32);
    return index < 0 ? index : eu_guest_fd_of(guest, object, is_program, index);
}

EU_GUEST_CALL(eu_call_map_fd) {
    return eu_answer(slots, fd_by_name(guest, slots, 0));
}

EU_GUEST_CALL(eu_call_program_fd) {
    return eu_answer(slots, fd_by_name(guest, slots, 1));
}
