/* From what an object's CO-RE records ask for (minimal_wanted.c), in one pass over raw kernel BTF, the types these can match by
 * essential name (up to "___"), closed over what they hold by value. Of structs only members stay that some access names, for libbpf
 * finds them by name; pointers become void *. Libbpf relocates against the result.
 *
 * Left to libbpf: type-match relocations and type ids of the target (they need the kernel's own ids and whole types), typed ksyms,
 * struct_ops, and roots that may live in a module's BTF. */
#define _GNU_SOURCE
#include "minimal_btf.h"
#include "btf_raw.h"
#include "error.h"
#include "eunomia.h"
#include "minimal_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEADER = 24 /* of BTF, as kernels write it */ };

struct work {
    struct eu_wanted wanted;
    struct eu_btf_view kernel;
    uint32_t *offsets; /* of each kernel type */
    uint32_t *ids;     /* new id, 0: not taken */
    uint32_t *stack;
    uint32_t nr_types, depth;
    const char *without; /* an essential name, or NULL */
};

enum { TAKEN = 1, DEEP = 2 }; /* DEEP: what its pointers and prototypes lead to is taken too */

static void take(struct work *work, uint32_t id, uint32_t how) {
    if (id && id < work->nr_types && work->ids[id] < how) {
        work->ids[id] = how;
        work->stack[work->depth++] = id;
    }
}

static int can_match(uint32_t kind) {
    return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM || kind == 19 || kind == BTF_KIND_TYPEDEF ||
           kind == BTF_KIND_INT || kind == BTF_KIND_FWD;
}

/* Cheap for the hundred thousand names that are none: most roots begin with another letter. */
static struct eu_name *root_of(const struct eu_names *roots, const char *name) {
    for (int i = roots->first[(unsigned char)name[0]]; i >= 0; i = roots->list[i].next) {
        struct eu_name *root = &roots->list[i];
        if (!strncmp(name, root->text, root->length) && eu_essential_length(name) == root->length)
            return root;
    }
    return NULL;
}

static void match_roots(struct work *work) {
    const struct eu_btf_view *kernel = &work->kernel;
    for (uint32_t id = 1; id < work->nr_types; id++) {
        const struct btf_type *type = (const struct btf_type *)(kernel->types + work->offsets[id]);
        if (!type->name_off || !can_match(BTF_INFO_KIND(type->info)))
            continue;
        struct eu_name *root = root_of(&work->wanted.roots, eu_btf_name(kernel, type->name_off));
        if (root && root->kinds & eu_kind_bit(BTF_INFO_KIND(type->info))) {
            root->found = 1; /* also what shall not exist: no module has it either */
            if (work->without && root->length == strlen(work->without) && !memcmp(root->text, work->without, root->length))
                continue;
            take(work, id, root->deep ? DEEP : TAKEN);
        }
    }
}

/* Libbpf looks for members by their names, in members without one too. */
static int is_accessed(const struct work *work, uint32_t name_offset) {
    const char *name = eu_btf_name(&work->kernel, name_offset);
    return !*name || eu_names_find(&work->wanted.members, name, strlen(name));
}

static void close_over_one(struct work *work, uint32_t id, uint32_t how) {
    const struct btf_type *type = (const struct btf_type *)(work->kernel.types + work->offsets[id]);
    const uint32_t *words = (const uint32_t *)(type + 1);
    switch (BTF_INFO_KIND(type->info)) {
    case BTF_KIND_ARRAY:
        take(work, words[0], how);
        take(work, words[1], TAKEN);
        break;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++)
            if (is_accessed(work, words[3 * i]))
                take(work, words[3 * i + 1], TAKEN);
        break;
    case BTF_KIND_FUNC_PROTO:
        for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++)
            take(work, words[2 * i + 1], how);
        take(work, type->type, how);
        break;
    case BTF_KIND_PTR:
        if (how == DEEP)
            take(work, type->type, how);
        break;
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case 18: /* TYPE_TAG */
        take(work, type->type, how);
    }
}

static void close_over(struct work *work) {
    while (work->depth) {
        uint32_t id = work->stack[--work->depth];
        close_over_one(work, id, work->ids[id]);
    }
}

struct buffer {
    char *bytes;
    size_t used, room;
};

static void *put(struct buffer *buffer, const void *bytes, size_t size) {
    if (buffer->used + size > buffer->room) {
        size_t room = (buffer->used + size) * 2;
        char *larger = realloc(buffer->bytes, room);
        if (!larger)
            return NULL;
        buffer->bytes = larger;
        buffer->room = room;
    }
    void *at = memcpy(buffer->bytes + buffer->used, bytes, size);
    buffer->used += size;
    return at;
}

static int put_name(const struct work *work, struct buffer *strings, uint32_t *offset) {
    const char *name = eu_btf_name(&work->kernel, *offset);
    *offset = 0;
    if (!*name)
        return 0;
    size_t at = strings->used;
    if (!put(strings, name, strlen(name) + 1))
        return -1;
    *offset = at;
    return 0;
}

static uint32_t new_id(const struct work *work, uint32_t old) {
    return old < work->nr_types ? work->ids[old] : 0;
}

/* The accessed members of a struct or union; returns how many, or -1. */
static int put_members(const struct work *work, struct buffer *types, struct buffer *strings, const struct btf_type *type) {
    const uint32_t *words = (const uint32_t *)(type + 1);
    int kept = 0;
    for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++, words += 3) {
        uint32_t member[3] = {words[0], new_id(work, words[1]), words[2]};
        if (!is_accessed(work, words[0]))
            continue;
        if (put_name(work, strings, &member[0]) || !put(types, member, sizeof(member)))
            return -1;
        kept++;
    }
    return kept;
}

static int put_params(const struct work *work, struct buffer *types, const struct btf_type *type) {
    const uint32_t *words = (const uint32_t *)(type + 1);
    for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++) {
        uint32_t param[2] = {0, new_id(work, words[2 * i + 1])};
        if (!put(types, param, sizeof(param)))
            return -1;
    }
    return 0;
}

/* The values of an enum, of `step` words each, the first of which is a name. */
static int put_values(const struct work *work, struct buffer *types, struct buffer *strings, const struct btf_type *type, int step) {
    const uint32_t *words = (const uint32_t *)(type + 1);
    for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++, words += step) {
        uint32_t value[3];
        memcpy(value, words, step * sizeof(*words));
        if (put_name(work, strings, &value[0]) || !put(types, value, step * sizeof(*words)))
            return -1;
    }
    return 0;
}

/* What stands behind the head of a type, with new ids and names; returns how many members stayed of a struct, or -1. */
static int put_tail(const struct work *work, struct buffer *types, struct buffer *strings, const struct btf_type *type) {
    const uint32_t *words = (const uint32_t *)(type + 1);
    switch (BTF_INFO_KIND(type->info)) {
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        return put_members(work, types, strings, type);
    case BTF_KIND_FUNC_PROTO:
        return put_params(work, types, type);
    case BTF_KIND_ENUM:
        return put_values(work, types, strings, type, 2);
    case 19: /* ENUM64 */
        return put_values(work, types, strings, type, 3);
    case BTF_KIND_ARRAY: {
        uint32_t array[3] = {new_id(work, words[0]), new_id(work, words[1]), words[2]};
        return put(types, array, sizeof(array)) ? 0 : -1;
    }
    default:
        return put(types, words, eu_btf_tail(type->info)) ? 0 : -1;
    }
}

static int put_type(const struct work *work, struct buffer *types, struct buffer *strings, uint32_t id) {
    const struct btf_type *type = (const struct btf_type *)(work->kernel.types + work->offsets[id]);
    uint32_t kind = BTF_INFO_KIND(type->info);
    struct btf_type head = *type;
    size_t at = types->used;
    if (put_name(work, strings, &head.name_off) || !put(types, &head, sizeof(head)))
        return -1;
    int kept = put_tail(work, types, strings, type);
    if (kept < 0)
        return -1;
    if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION)
        head.info = (head.info & ~0xffffu) | (uint32_t)kept;
    else if (kind == BTF_KIND_PTR || kind == BTF_KIND_FUNC_PROTO || kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_CONST ||
             kind == BTF_KIND_VOLATILE || kind == BTF_KIND_RESTRICT || kind == 18)
        head.type = new_id(work, type->type);
    memcpy(types->bytes + at, &head, sizeof(head));
    return 0;
}

static int write_all(int fd, const void *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        ssize_t put_out = write(fd, (const char *)bytes + at, size - at);
        if (put_out < 0)
            return -errno;
        at += put_out;
    }
    return 0;
}

static int write_btf(struct work *work, int fd) {
    struct buffer types = {0}, strings = {0};
    uint32_t count = 0;
    int err = put(&strings, "", 1) ? 0 : -ENOMEM;
    for (uint32_t id = 1; id < work->nr_types; id++)
        if (work->ids[id])
            work->ids[id] = ++count;
    for (uint32_t id = 1; !err && id < work->nr_types; id++)
        if (work->ids[id] && put_type(work, &types, &strings, id))
            err = -ENOMEM;
    struct btf_header head = {
        .magic = BTF_MAGIC, .version = 1, .hdr_len = HEADER, .type_len = types.used, .str_off = types.used, .str_len = strings.used};
    if (!err && !(err = write_all(fd, &head, HEADER)) && !(err = write_all(fd, types.bytes, types.used)))
        err = write_all(fd, strings.bytes, strings.used);
    free(types.bytes);
    free(strings.bytes);
    return err;
}

static int is_missing_root(const char *name, uint32_t kind, void *context) {
    const struct work *work = context;
    const struct eu_name *root = can_match(kind) ? root_of(&work->wanted.roots, name) : NULL;
    return root && !root->found && root->kinds & eu_kind_bit(kind);
}

static int is_in_module(struct work *work, const char *path) {
    int missing = 0;
    for (int i = 0; i < work->wanted.roots.count; i++)
        missing |= !work->wanted.roots.list[i].found;
    return missing && !path && eu_btf_in_modules(is_missing_root, work);
}

static int make(const void *elf, size_t size, const char *path, int fd, struct work *work) {
    int result = eu_wanted_collect(&work->wanted, elf, size);
    if (result)
        return result;
    if (eu_btf_file(path, &work->kernel) || !(work->offsets = eu_type_offsets(&work->kernel, &work->nr_types)))
        return EU_BTF_PLAIN;
    work->ids = calloc(work->nr_types, sizeof(*work->ids));
    work->stack = malloc(2 * (size_t)work->nr_types * sizeof(*work->stack)); /* each may be taken, and once more deep */
    if (!work->ids || !work->stack)
        return EU_BTF_PLAIN;
    match_roots(work);
    if (is_in_module(work, path))
        return EU_BTF_PLAIN;
    close_over(work);
    int err = write_btf(work, fd);
    return err ? eu_fail(-err, "write minimal BTF: %s", eu_reason(-err)), EU_BTF_PLAIN : 0;
}

static int make_into(const void *elf, size_t size, const char *path, const char *without, int fd) {
    struct work work = {.without = without};
    int result = make(elf, size, path, fd, &work);
    eu_wanted_free(&work.wanted);
    free(work.offsets);
    free(work.ids);
    free(work.stack);
    return result;
}

int eu_minimal_btf_memfd(const void *elf, size_t size, const char *path, const char *without) {
    int fd = memfd_create("eunomia-btf", MFD_CLOEXEC);
    if (fd < 0)
        return EU_BTF_PLAIN;
    int result = make_into(elf, size, path, without, fd);
    if (!result)
        return fd;
    close(fd);
    return result;
}

int eu_minimal_btf(const void *elf, size_t size, const char *path, const char *output) {
    int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return eu_fail(errno, "write %s: %s", output, eu_reason(errno));
    eu_log_clear();
    int result = make_into(elf, size, path, NULL, fd);
    if (close(fd) && !result)
        return eu_fail(errno, "write %s: %s", output, eu_reason(errno));
    if (result == EU_BTF_NOT_NEEDED)
        return eu_fail(ENODATA, "minimal BTF: the object has no CO-RE record");
    if (result)
        return eu_errno() ? -eu_errno() : eu_fail(ENOTSUP, "minimal BTF: the object needs the kernel's whole BTF");
    return 0;
}
