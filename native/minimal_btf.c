/* From the root type names of an object's CO-RE records, in one pass over raw kernel BTF, the types these can match by essential
 * name (up to "___"), closed over what they hold by value; pointers become void *. Libbpf relocates against the result.
 *
 * Left to libbpf: type-match relocations and type ids of the target (they need the kernel's own ids and whole types), typed ksyms,
 * struct_ops, and roots that may live in a module's BTF. */
#define _GNU_SOURCE
#include "minimal_btf.h"
#include "btf_raw.h"
#include "error.h"
#include "eunomia.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEADER = 24 /* of BTF, as kernels write it */, MAX_ROOTS = 8192, MAX_TYPES = 1 << 22 };
enum { CORE_TYPE_ID_TARGET = 7, CORE_TYPE_EXISTS = 8, CORE_TYPE_SIZE = 9, CORE_TYPE_MATCHES = 12 }; /* enum bpf_core_relo_kind */

struct root {
    const char *name;
    uint32_t length;
    int found;
    int next; /* with the same first character, -1: last */
};

struct work {
    struct eu_btf_view object, kernel;
    struct root *roots;
    int nr_roots;
    int first[256];
    uint32_t *offsets; /* of each kernel type */
    uint32_t *ids;     /* new id, 0: not taken */
    uint32_t *stack;
    uint32_t nr_types, depth;
};

struct ext_header { /* the part of struct btf_ext_header that holds CO-RE records */
    uint16_t magic;
    uint8_t version, flags;
    uint32_t size, func_off, func_len, line_off, line_len, core_off, core_len;
};
struct core_record {
    uint32_t insn_off, type_id, access_off, kind;
};

/* Length of a name without its flavour: bpf_core_essential_name_len of libbpf. */
static uint32_t essential_length(const char *name) {
    uint32_t length = strlen(name);
    for (int i = (int)length - 5; i >= 0; i--)
        if (name[i] != '_' && name[i + 1] == '_' && name[i + 2] == '_' && name[i + 3] == '_' && name[i + 4] != '_')
            return i + 1;
    return length;
}

static int add_root(struct work *work, const char *name) {
    uint32_t length = essential_length(name);
    unsigned char initial = name[0];
    if (!length)
        return -1;
    for (int i = work->first[initial]; i >= 0; i = work->roots[i].next)
        if (work->roots[i].length == length && !memcmp(work->roots[i].name, name, length))
            return 0;
    if (work->nr_roots == MAX_ROOTS)
        return -1;
    work->roots[work->nr_roots] = (struct root){name, length, 0, work->first[initial]};
    work->first[initial] = work->nr_roots++;
    return 0;
}

/* Kind behind typedefs and qualifiers, given the object's types by id. */
static uint32_t resolved_kind(const struct eu_btf_view *view, const uint32_t *offsets, uint32_t count, uint32_t id) {
    for (int depth = 0; depth < 64 && id && id < count; depth++) {
        const struct btf_type *type = (const struct btf_type *)(view->types + offsets[id]);
        uint32_t kind = BTF_INFO_KIND(type->info);
        if (kind != BTF_KIND_TYPEDEF && kind != BTF_KIND_CONST && kind != BTF_KIND_VOLATILE && kind != BTF_KIND_RESTRICT && kind != 18)
            return kind;
        id = type->type;
    }
    return 0;
}

static uint32_t *type_offsets(const struct eu_btf_view *view, uint32_t *count) {
    uint32_t room = 4096, id = 1;
    uint32_t *offsets = malloc(room * sizeof(*offsets));
    const struct btf_type *type;
    int64_t tail;
    for (const char *at = view->types; offsets && (type = eu_btf_at(view, at, &tail)); at += sizeof(*type) + tail, id++) {
        if (id == room) {
            uint32_t *larger = room < MAX_TYPES ? realloc(offsets, (room *= 2) * sizeof(*offsets)) : NULL;
            if (!larger)
                free(offsets);
            if (!(offsets = larger))
                break;
        }
        offsets[id] = at - view->types;
    }
    *count = id;
    return offsets;
}

static int one_root(struct work *work, const uint32_t *offsets, uint32_t count, const struct core_record *record) {
    if (record->kind == CORE_TYPE_MATCHES || record->kind == CORE_TYPE_ID_TARGET || !record->type_id || record->type_id >= count)
        return -1;
    if (record->kind == CORE_TYPE_EXISTS || record->kind == CORE_TYPE_SIZE) { /* compared through pointers and prototypes */
        uint32_t kind = resolved_kind(&work->object, offsets, count, record->type_id);
        if (kind == BTF_KIND_PTR || kind == BTF_KIND_FUNC_PROTO || kind == BTF_KIND_ARRAY || !kind)
            return -1;
    }
    const struct btf_type *type = (const struct btf_type *)(work->object.types + offsets[record->type_id]);
    return add_root(work, eu_btf_name(&work->object, type->name_off));
}

/* Collect root names. Returns 0, EU_BTF_NOT_NEEDED or EU_BTF_PLAIN. */
static int collect_roots(struct work *work, const char *ext, size_t size) {
    struct ext_header head = {0};
    if (size < 24)
        return EU_BTF_NOT_NEEDED;
    memcpy(&head, ext, size < sizeof(head) ? size : sizeof(head));
    if (head.magic != BTF_MAGIC || head.size < sizeof(head) || !head.core_len)
        return EU_BTF_NOT_NEEDED;
    if (head.size > size || head.core_off > size - head.size || head.core_len > size - head.size - head.core_off || head.core_len < 4)
        return EU_BTF_PLAIN;
    const char *at = ext + head.size + head.core_off, *end = at + head.core_len;
    uint32_t record_size, count, nr_records;
    memcpy(&record_size, at, 4);
    if (record_size < sizeof(struct core_record))
        return EU_BTF_PLAIN;
    uint32_t *offsets = type_offsets(&work->object, &count);
    int result = offsets ? 0 : EU_BTF_PLAIN;
    for (at += 4; !result && end - at >= 8;) {
        memcpy(&nr_records, at + 4, 4);
        at += 8;
        if (nr_records > (size_t)(end - at) / record_size)
            result = EU_BTF_PLAIN;
        for (uint32_t i = 0; !result && i < nr_records; i++, at += record_size) {
            struct core_record record;
            memcpy(&record, at, sizeof(record));
            if (one_root(work, offsets, count, &record))
                result = EU_BTF_PLAIN;
        }
    }
    free(offsets);
    return result ? result : work->nr_roots ? 0 : EU_BTF_NOT_NEEDED;
}

static void take(struct work *work, uint32_t id) {
    if (id && id < work->nr_types && !work->ids[id]) {
        work->ids[id] = 1;
        work->stack[work->depth++] = id;
    }
}

static int can_match(uint32_t kind) {
    return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM || kind == 19 || kind == BTF_KIND_TYPEDEF ||
           kind == BTF_KIND_INT || kind == BTF_KIND_FWD;
}

static void match_roots(struct work *work) {
    const struct eu_btf_view *kernel = &work->kernel;
    for (uint32_t id = 1; id < work->nr_types; id++) {
        const struct btf_type *type = (const struct btf_type *)(kernel->types + work->offsets[id]);
        if (!type->name_off || !can_match(BTF_INFO_KIND(type->info)))
            continue;
        const char *name = eu_btf_name(kernel, type->name_off);
        for (int i = work->first[(unsigned char)name[0]]; i >= 0; i = work->roots[i].next) {
            struct root *root = &work->roots[i];
            if (!strncmp(name, root->name, root->length) && essential_length(name) == root->length) {
                root->found = 1;
                take(work, id);
                break;
            }
        }
    }
}

static void close_over(struct work *work) {
    while (work->depth) {
        const struct btf_type *type = (const struct btf_type *)(work->kernel.types + work->offsets[work->stack[--work->depth]]);
        const uint32_t *words = (const uint32_t *)(type + 1);
        switch (BTF_INFO_KIND(type->info)) {
        case BTF_KIND_ARRAY:
            take(work, words[0]);
            take(work, words[1]);
            break;
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
            for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++)
                take(work, words[3 * i + 1]);
            break;
        case BTF_KIND_TYPEDEF:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_CONST:
        case BTF_KIND_RESTRICT:
        case 18: /* TYPE_TAG */
            take(work, type->type);
        }
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

/* Copy one kernel type with new ids and names. A tail of `step` words an element: word 0 is a name, word 1 may be a type. */
static int put_type(const struct work *work, struct buffer *types, struct buffer *strings, uint32_t id) {
    const struct btf_type *type = (const struct btf_type *)(work->kernel.types + work->offsets[id]);
    uint32_t kind = BTF_INFO_KIND(type->info), count = BTF_INFO_VLEN(type->info);
    struct btf_type *copy = put(types, type, sizeof(*type) + eu_btf_tail(type->info));
    if (!copy || put_name(work, strings, &copy->name_off))
        return -1;
    uint32_t *words = (uint32_t *)(copy + 1);
#define NEW_ID(old) ((old) < work->nr_types ? work->ids[old] : 0)
    int step = kind == BTF_KIND_ENUM ? 2 : kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == 19 ? 3 : 0;
    for (uint32_t i = 0; step && i < count; i++) {
        if (put_name(work, strings, &words[step * i]))
            return -1;
        if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION)
            words[3 * i + 1] = NEW_ID(words[3 * i + 1]);
    }
    if (kind == BTF_KIND_ARRAY) {
        words[0] = NEW_ID(words[0]);
        words[1] = NEW_ID(words[1]);
    } else if (kind == BTF_KIND_PTR || kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE ||
               kind == BTF_KIND_RESTRICT || kind == 18)
        copy->type = NEW_ID(copy->type);
#undef NEW_ID
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
    if (!can_match(kind))
        return 0;
    for (int i = work->first[(unsigned char)name[0]]; i >= 0; i = work->roots[i].next) {
        const struct root *root = &work->roots[i];
        if (!root->found && !strncmp(name, root->name, root->length) && essential_length(name) == root->length)
            return 1;
    }
    return 0;
}

static int is_in_module(struct work *work, const char *path) {
    int missing = 0;
    for (int i = 0; i < work->nr_roots; i++)
        missing |= !work->roots[i].found;
    return missing && !path && eu_btf_in_modules(is_missing_root, work);
}

/* Typed ksyms and struct_ops make libbpf read the whole kernel BTF whatever it is given. */
static int needs_plain(const void *elf, size_t size, const struct eu_btf_view *object) {
    const char *data;
    size_t length;
    const struct btf_type *type;
    int64_t tail;
    if (!eu_elf_section(elf, size, ".struct_ops", &data, &length) || !eu_elf_section(elf, size, ".struct_ops.link", &data, &length))
        return 1;
    for (const char *at = object->types; (type = eu_btf_at(object, at, &tail)); at += sizeof(*type) + tail)
        if (BTF_INFO_KIND(type->info) == BTF_KIND_DATASEC && !strcmp(eu_btf_name(object, type->name_off), ".ksyms"))
            return 1;
    return 0;
}

static int make(const void *elf, size_t size, const char *path, int fd, struct work *work) {
    const char *btf, *ext;
    size_t btf_size, ext_size;
    memset(work->first, -1, sizeof(work->first));
    if (eu_elf_section(elf, size, ".BTF", &btf, &btf_size) || eu_btf_view(btf, btf_size, &work->object))
        return EU_BTF_NOT_NEEDED;
    if (needs_plain(elf, size, &work->object))
        return EU_BTF_PLAIN;
    if (eu_elf_section(elf, size, ".BTF.ext", &ext, &ext_size))
        return EU_BTF_NOT_NEEDED;
    if (!(work->roots = malloc(MAX_ROOTS * sizeof(*work->roots))))
        return EU_BTF_PLAIN;
    int result = collect_roots(work, ext, ext_size);
    if (result)
        return result;
    if (eu_btf_file(path, &work->kernel) || !(work->offsets = type_offsets(&work->kernel, &work->nr_types)))
        return EU_BTF_PLAIN;
    work->ids = calloc(work->nr_types, sizeof(*work->ids));
    work->stack = malloc(work->nr_types * sizeof(*work->stack));
    if (!work->ids || !work->stack)
        return EU_BTF_PLAIN;
    match_roots(work);
    if (is_in_module(work, path))
        return EU_BTF_PLAIN;
    close_over(work);
    int err = write_btf(work, fd);
    return err ? eu_fail(-err, "write minimal BTF: %s", eu_reason(-err)), EU_BTF_PLAIN : 0;
}

static int make_into(const void *elf, size_t size, const char *path, int fd) {
    struct work work = {0};
    int result = make(elf, size, path, fd, &work);
    free(work.roots);
    free(work.offsets);
    free(work.ids);
    free(work.stack);
    return result;
}

int eu_minimal_btf_memfd(const void *elf, size_t size, const char *path) {
    int fd = memfd_create("eunomia-btf", MFD_CLOEXEC);
    if (fd < 0)
        return EU_BTF_PLAIN;
    int result = make_into(elf, size, path, fd);
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
    int result = make_into(elf, size, path, fd);
    if (close(fd) && !result)
        return eu_fail(errno, "write %s: %s", output, eu_reason(errno));
    if (result == EU_BTF_NOT_NEEDED)
        return eu_fail(ENODATA, "minimal BTF: the object has no CO-RE record");
    if (result)
        return eu_errno() ? -eu_errno() : eu_fail(ENOTSUP, "minimal BTF: the object needs the kernel's whole BTF");
    return 0;
}
