/* What an object's CO-RE records ask of a kernel's types: see minimal_btf.c. */
#include "minimal_btf.h"
#include "minimal_parts.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_TYPES = 1 << 22, DEEPEST = 64 };
enum {
    CORE_FIELD_LAST = 5,
    CORE_TYPE_ID_TARGET = 7,
    CORE_TYPE_EXISTS = 8,
    CORE_TYPE_SIZE = 9,
    CORE_TYPE_MATCHES = 12
}; /* bpf_core_relo_kind */

struct ext_header { /* the part of struct btf_ext_header that holds CO-RE records */
    uint16_t magic;
    uint8_t version, flags;
    uint32_t size, func_off, func_len, line_off, line_len, core_off, core_len;
};
struct core_record {
    uint32_t insn_off, type_id, access_off, kind;
};
struct types { /* of the object, by id */
    const struct eu_btf_view *view;
    uint32_t *offsets, count;
};

uint32_t eu_essential_length(const char *name) {
    uint32_t length = strlen(name);
    for (int i = (int)length - 5; i >= 0; i--)
        if (name[i] != '_' && name[i + 1] == '_' && name[i + 2] == '_' && name[i + 3] == '_' && name[i + 4] != '_')
            return i + 1;
    return length;
}

struct eu_name *eu_names_find(const struct eu_names *names, const char *text, uint32_t length) {
    for (int i = names->first[(unsigned char)text[0]]; i >= 0; i = names->list[i].next)
        if (names->list[i].length == length && !memcmp(names->list[i].text, text, length))
            return &names->list[i];
    return NULL;
}

static int add_name(struct eu_names *names, const char *text, uint32_t length) {
    unsigned char initial = text[0];
    if (!length || names->count == EU_MAX_NAMES)
        return -1;
    if (eu_names_find(names, text, length))
        return 0;
    names->list[names->count] = (struct eu_name){.text = text, .length = length, .next = names->first[initial]};
    names->first[initial] = names->count++;
    return 0;
}

uint32_t *eu_type_offsets(const struct eu_btf_view *view, uint32_t *count) {
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

/* The type behind typedefs and qualifiers, NULL: none. */
static const struct btf_type *resolved(const struct types *types, uint32_t id) {
    for (int depth = 0; depth < DEEPEST && id && id < types->count; depth++) {
        const struct btf_type *type = (const struct btf_type *)(types->view->types + types->offsets[id]);
        uint32_t kind = BTF_INFO_KIND(type->info);
        if (kind != BTF_KIND_TYPEDEF && kind != BTF_KIND_CONST && kind != BTF_KIND_VOLATILE && kind != BTF_KIND_RESTRICT && kind != 18)
            return type;
        id = type->type;
    }
    return NULL;
}

/* One step of an access ("0:1:2") into a type: the next type's id, 0 where there is no such step. */
static uint32_t step_into(struct eu_wanted *wanted, const struct btf_type *type, unsigned long index) {
    const uint32_t *words = (const uint32_t *)(type + 1);
    uint32_t kind = BTF_INFO_KIND(type->info);
    if (kind == BTF_KIND_ARRAY)
        return words[0];
    if ((kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION) || index >= BTF_INFO_VLEN(type->info))
        return 0;
    const char *name = eu_btf_name(&wanted->object, words[3 * index]);
    if (*name && add_name(&wanted->members, name, strlen(name)))
        return 0;
    return words[3 * index + 1];
}

static int add_members(struct eu_wanted *wanted, const struct types *types, const struct core_record *record) {
    const char *access = eu_btf_name(&wanted->object, record->access_off);
    uint32_t id = record->type_id;
    char *end;
    strtoul(access, &end, 10); /* the first is the element of what a pointer points to */
    if (end == access)
        return -1;
    for (int depth = 0; *end == ':' && depth < DEEPEST; depth++) {
        const struct btf_type *type = resolved(types, id);
        if (!type || !(id = step_into(wanted, type, strtoul(end + 1, &end, 10))))
            return -1;
    }
    return *end ? -1 : 0;
}

/* The existence of a type is a matter of its kind; of pointers, prototypes and arrays, of what these lead to as well. */
static int is_deep(const struct types *types, const struct core_record *record) {
    if (record->kind != CORE_TYPE_EXISTS && record->kind != CORE_TYPE_SIZE)
        return 0;
    const struct btf_type *type = resolved(types, record->type_id);
    uint32_t kind = type ? BTF_INFO_KIND(type->info) : 0;
    return kind == BTF_KIND_PTR || kind == BTF_KIND_FUNC_PROTO || kind == BTF_KIND_ARRAY;
}

static int add_record(struct eu_wanted *wanted, const struct types *types, const struct core_record *record) {
    if (record->kind == CORE_TYPE_MATCHES || record->kind == CORE_TYPE_ID_TARGET || !record->type_id || record->type_id >= types->count)
        return -1;
    const struct btf_type *type = (const struct btf_type *)(types->view->types + types->offsets[record->type_id]);
    const char *name = eu_btf_name(&wanted->object, type->name_off);
    uint32_t length = eu_essential_length(name);
    if (add_name(&wanted->roots, name, length))
        return -1;
    struct eu_name *root = eu_names_find(&wanted->roots, name, length);
    root->kinds |= eu_kind_bit(BTF_INFO_KIND(type->info));
    root->deep |= is_deep(types, record);
    return record->kind <= CORE_FIELD_LAST ? add_members(wanted, types, record) : 0;
}

static int add_records(struct eu_wanted *wanted, const struct types *types, const char *at, const char *end) {
    uint32_t record_size, nr_records;
    memcpy(&record_size, at, 4);
    if (record_size < sizeof(struct core_record))
        return -1;
    for (at += 4; end - at >= 8;) {
        memcpy(&nr_records, at + 4, 4);
        at += 8;
        if (nr_records > (size_t)(end - at) / record_size)
            return -1;
        for (uint32_t i = 0; i < nr_records; i++, at += record_size) {
            struct core_record record;
            memcpy(&record, at, sizeof(record));
            if (add_record(wanted, types, &record))
                return -1;
        }
    }
    return 0;
}

static int collect(struct eu_wanted *wanted, const char *ext, size_t size) {
    struct ext_header head = {0};
    if (size < 24)
        return EU_BTF_NOT_NEEDED;
    memcpy(&head, ext, size < sizeof(head) ? size : sizeof(head));
    if (head.magic != BTF_MAGIC || head.size < sizeof(head) || !head.core_len)
        return EU_BTF_NOT_NEEDED;
    if (head.size > size || head.core_off > size - head.size || head.core_len > size - head.size - head.core_off || head.core_len < 4)
        return EU_BTF_PLAIN;
    const char *at = ext + head.size + head.core_off;
    struct types types = {.view = &wanted->object};
    types.offsets = eu_type_offsets(&wanted->object, &types.count);
    int failed = !types.offsets || add_records(wanted, &types, at, at + head.core_len);
    free(types.offsets);
    return failed ? EU_BTF_PLAIN : wanted->roots.count ? 0 : EU_BTF_NOT_NEEDED;
}

static int has_ksyms(const struct eu_btf_view *object) {
    const struct btf_type *type;
    int64_t tail;
    for (const char *at = object->types; (type = eu_btf_at(object, at, &tail)); at += sizeof(*type) + tail)
        if (BTF_INFO_KIND(type->info) == BTF_KIND_DATASEC && !strcmp(eu_btf_name(object, type->name_off), ".ksyms"))
            return 1;
    return 0;
}

/* Typed ksyms and struct_ops make libbpf read the whole kernel BTF whatever it is given. */
static int needs_plain(const void *elf, size_t size, const struct eu_btf_view *object) {
    const char *data;
    size_t length;
    return !eu_elf_section(elf, size, ".struct_ops", &data, &length) || !eu_elf_section(elf, size, ".struct_ops.link", &data, &length) ||
           has_ksyms(object);
}

static int make_names(struct eu_names *names) {
    memset(names->first, -1, sizeof(names->first));
    names->list = malloc(EU_MAX_NAMES * sizeof(*names->list));
    return names->list ? 0 : -1;
}

int eu_wanted_collect(struct eu_wanted *wanted, const void *elf, size_t size) {
    const char *btf, *ext;
    size_t btf_size, ext_size;
    if (eu_elf_section(elf, size, ".BTF", &btf, &btf_size) || eu_btf_view(btf, btf_size, &wanted->object))
        return EU_BTF_NOT_NEEDED;
    if (needs_plain(elf, size, &wanted->object))
        return EU_BTF_PLAIN;
    if (eu_elf_section(elf, size, ".BTF.ext", &ext, &ext_size))
        return EU_BTF_NOT_NEEDED;
    return make_names(&wanted->roots) || make_names(&wanted->members) ? EU_BTF_PLAIN : collect(wanted, ext, ext_size);
}

void eu_wanted_free(struct eu_wanted *wanted) {
    free(wanted->roots.list);
    free(wanted->members.list);
}
