/* What a guest learns about the maps and programs of its objects, and what it changes before they are loaded. */
#define _GNU_SOURCE
#include "guest_bpf.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

/* The records of the interface. */
struct map_record {
    uint32_t type, key_size, value_size, max_entries, flags;
    int32_t fd;
    uint32_t cpus, is_mmapable;
    char name[64], section[64];
};
struct program_record {
    uint32_t type, expected_attach_type, instructions, autoload;
    char name[128], section[128];
};
enum { MAP_ENTRIES = 1, MAP_PERF_PAGES, MAP_TYPE, MAP_KEY_SIZE, MAP_VALUE_SIZE, MAP_FLAGS, MAP_AUTOCREATE };
enum { PROGRAM_AUTOLOAD = 1, PROGRAM_TYPE, PROGRAM_ATTACH_TYPE };

static int is_per_cpu(uint32_t type) {
    return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
           type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

/* Its first `size` bytes; the answer is how many there are. */
static int give(struct eu_guest *guest, const void *record, uint32_t length, uint32_t at, uint32_t size) {
    uint8_t *out = eu_guest_span(guest, at, size, "info");
    if (!out)
        return -EFAULT;
    memcpy(out, record, size < length ? size : length);
    return (int)length;
}

static int give_map(struct eu_guest *guest, struct eu_guest_object *object, int index, uint32_t at, uint32_t size) {
    struct eu_map_info info;
    struct map_record record = {0};
    int err = eu_map_get(object->object, index, &info);
    if (err)
        return eu_guest_failed_as(guest, err);
    record = (struct map_record){info.type, info.key_size, info.value_size, info.max_entries, info.flags, -1, 0, 0, "", ""};
    if (info.fd >= 0)
        record.fd = eu_guest_fd_of(guest, object, 0, index);
    record.cpus = is_per_cpu(info.type) ? (uint32_t)eu_possible_cpus() : 0;
    record.is_mmapable = (info.flags & BPF_F_MMAPABLE) != 0;
    snprintf(record.name, sizeof(record.name), "%s", info.name);
    snprintf(record.section, sizeof(record.section), "%s", info.section ? info.section : "");
    return give(guest, &record, sizeof(record), at, size);
}

EU_GUEST_CALL(eu_call_map_info) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    if (!object)
        return eu_answer(slots, -EINVAL);
    if (slots[1].u32 >= (uint32_t)object->object->nr_maps)
        return eu_answer(slots, -ENOENT);
    return eu_answer(slots, give_map(guest, object, slots[1].i32, slots[2].u32, slots[3].u32));
}

EU_GUEST_CALL(eu_call_map_info_by_fd) {
    const struct eu_guest_fd *map = eu_guest_map(guest, slots[0].i32);
    return eu_answer(slots, map ? give_map(guest, map->owner, map->index, slots[1].u32, slots[2].u32) : -EBADF);
}

EU_GUEST_CALL(eu_call_program_info) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    struct eu_prog_info info;
    struct program_record record = {0};
    if (!object)
        return eu_answer(slots, -EINVAL);
    if (slots[1].u32 >= (uint32_t)object->object->nr_progs || eu_prog_get(object->object, slots[1].i32, &info))
        return eu_answer(slots, -ENOENT);
    int type = (int)info.type, attach = (int)info.expected_attach_type;
    eu_handlers_types(info.section, &type, &attach); /* before load these are raw tracepoints to libbpf */
    record = (struct program_record){(uint32_t)type, (uint32_t)attach, info.insns, (uint32_t)info.autoload, "", ""};
    snprintf(record.name, sizeof(record.name), "%s", info.name);
    snprintf(record.section, sizeof(record.section), "%s", info.section);
    return eu_answer(slots, give(guest, &record, sizeof(record), slots[2].u32, slots[3].u32));
}

static int set_map(struct eu_guest *guest, struct eu_object *object, int index, int what, uint32_t value) {
    struct bpf_map *map = object->maps[index];
    int err = eu_guest_may_set(guest, object, index, what, value);
    if (err)
        return err;
    switch (what) {
    case MAP_ENTRIES:
        return eu_map_set_max_entries(object, index, value);
    case MAP_PERF_PAGES:
        return value > INT32_MAX ? -EINVAL : eu_map_set_perf_pages(object, index, (int)value);
    case MAP_TYPE:
        return bpf_map__set_type(map, (enum bpf_map_type)value);
    case MAP_KEY_SIZE:
        return bpf_map__set_key_size(map, value);
    case MAP_VALUE_SIZE:
        return bpf_map__set_value_size(map, value);
    case MAP_FLAGS:
        return bpf_map__set_map_flags(map, value);
    case MAP_AUTOCREATE:
        return bpf_map__set_autocreate(map, value != 0);
    default:
        return -EINVAL;
    }
}

/* 0, or what a change before load is refused with. */
static int changes(struct eu_guest *guest, const struct eu_guest_object *object, const char *name, int64_t value) {
    if (object->object->loaded)
        return eu_guest_failed(guest, EBUSY, "change %s: its object is loaded", name);
    if (value < 0 || value > UINT32_MAX)
        return eu_guest_failed(guest, EINVAL, "change %s: %lld has no place in 32 bits", name, (long long)value);
    return 0;
}

EU_GUEST_CALL(eu_call_map_set) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    int map = object ? eu_guest_map_named(guest, object, slots[1].u32) : -EINVAL;
    const char *name = map >= 0 ? bpf_map__name(object->object->maps[map]) : "";
    int err = map < 0 ? map : changes(guest, object, name, slots[3].i64);
    if (!err && (err = set_map(guest, object->object, map, slots[2].i32, (uint32_t)slots[3].i64)) < 0)
        eu_guest_failed(guest, -err, "map %s: set %d to %lld: %s", name, slots[2].i32, (long long)slots[3].i64, eu_reason(-err));
    return eu_answer(slots, err);
}

static int set_program(struct bpf_program *prog, int what, uint32_t value) {
    switch (what) {
    case PROGRAM_AUTOLOAD:
        return bpf_program__set_autoload(prog, value != 0);
    case PROGRAM_TYPE:
        return bpf_program__set_type(prog, (enum bpf_prog_type)value);
    case PROGRAM_ATTACH_TYPE:
        return bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)value);
    default:
        return -EINVAL;
    }
}

EU_GUEST_CALL(eu_call_program_set) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    int prog = object ? eu_guest_prog_named(guest, object, slots[1].u32) : -EINVAL;
    const char *name = prog >= 0 ? bpf_program__name(object->object->progs[prog]) : "";
    int err = prog < 0 ? prog : changes(guest, object, name, slots[3].i64);
    if (!err && (err = set_program(object->object->progs[prog], slots[2].i32, (uint32_t)slots[3].i64)) < 0)
        eu_guest_failed(guest, -err, "program %s: set %d to %lld: %s", name, slots[2].i32, (long long)slots[3].i64, eu_reason(-err));
    return eu_answer(slots, err);
}

static int bind_to(struct eu_guest *guest, struct eu_guest_object *object, int prog, const char *target) {
    const struct eu_guest_request request = {.what = "bind", .object = object->object, .prog = prog, .target = target};
    if (!*target)
        return eu_guest_failed(guest, EINVAL, "program %s: no function or program to attach to",
                               bpf_program__name(object->object->progs[prog]));
    int err = eu_guest_decide(guest, &request);
    if (err)
        return err;
    eu_log_clear();
    err = strncmp(target, "prog:", 5) ? eu_prog_set_function(object->object, prog, target) : eu_prog_bind(object->object, prog, target);
    if (!err)
        return 0;
    eu_guest_tell(guest, "bind", eu_error());
    return eu_guest_failed_as(guest, err);
}

EU_GUEST_CALL(eu_call_program_bind) {
    char target[GUEST_TARGET];
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    int prog = object ? eu_guest_prog_named(guest, object, slots[1].u32) : -EINVAL;
    int err = prog < 0 ? prog : eu_guest_name(guest, slots[2].u32, target, sizeof(target), "what a program attaches to");
    return eu_answer(slots, err ? err : bind_to(guest, object, prog, target));
}

EU_GUEST_CALL(eu_call_map_initial) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    int map = object ? eu_guest_map_named(guest, object, slots[1].u32) : -EINVAL;
    uint8_t *bytes = map >= 0 ? eu_guest_span(guest, slots[3].u32, slots[4].u32, "initial bytes of a map") : NULL;
    if (!bytes)
        return eu_answer(slots, map < 0 ? map : -EFAULT);
    /* a loaded struct_ops map says the size of the kernel's struct, and has the object's */
    if (object->object->loaded && bpf_map__type(object->object->maps[map]) == BPF_MAP_TYPE_STRUCT_OPS)
        return eu_answer(slots, eu_guest_failed(guest, EBUSY, "initial bytes of a map: its object is loaded"));
    int err = slots[5].i32 ? eu_map_write_initial(object->object, map, slots[2].u32, bytes, slots[4].u32)
                           : eu_map_read_initial(object->object, map, slots[2].u32, bytes, slots[4].u32);
    return eu_answer(slots, err ? eu_guest_failed_as(guest, err) : 0);
}
