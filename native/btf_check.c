/* Types of an object as libbpf follows them without looking: chains that end nowhere, members outside of their struct, sizes whose sum
 * has no place in 32 bits. The kernel would refuse all of them, but libbpf comes first. */
#include "btf_raw.h"
#include "elf_check.h"
#include "minimal_parts.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_TYPES = 1 << 19, MOST_BYTES = 1 << 29, MOST_TEXT = 65536, DEEPEST = 64, TYPE_TAG = 18, ENUM64 = 19 };

struct types {
    struct eu_btf_view view;
    uint32_t *offsets, count;
};

static const struct btf_type *type_of(const struct types *types, uint32_t id) {
    return id && id < types->count ? (const struct btf_type *)(types->view.types + types->offsets[id]) : NULL;
}

static int is_name_for(uint32_t kind) {
    return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_RESTRICT || kind == TYPE_TAG;
}

/* The kind behind typedefs and qualifiers; -1: there is none, however far one goes. */
static int kind_behind(const struct types *types, uint32_t id, const struct btf_type **found) {
    for (int depth = 0; depth < DEEPEST; depth++) {
        const struct btf_type *type = type_of(types, id);
        *found = type;
        if (!type || !is_name_for(BTF_INFO_KIND(type->info)))
            return type ? (int)BTF_INFO_KIND(type->info) : 0;
        id = type->type;
    }
    return -1;
}

static const char *check_members(const struct btf_type *type) {
    const struct btf_member *member = (const struct btf_member *)(type + 1);
    if (type->size > MOST_BYTES)
        return "a struct of more than 512 MiB";
    for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++) {
        uint32_t bit = BTF_INFO_KFLAG(type->info) ? BTF_MEMBER_BIT_OFFSET(member[i].offset) : member[i].offset;
        if (bit > type->size * 8ull)
            return "a member outside of its struct";
    }
    return NULL;
}

/* CONFIG_ values are numbers or text: libbpf looks for the alignment of others in depth, without an end. */
static int is_config(const struct types *types, uint32_t id) {
    const struct btf_type *type = type_of(types, id), *found;
    int kind = type && BTF_INFO_KIND(type->info) == BTF_KIND_VAR ? kind_behind(types, type->type, &found) : 0;
    if (kind == BTF_KIND_ARRAY) {
        const struct btf_array *array = (const struct btf_array *)(found + 1);
        return array->nelems <= MOST_TEXT && kind_behind(types, array->type, &found) == BTF_KIND_INT && found->size <= 8;
    }
    return (kind == BTF_KIND_INT || kind == BTF_KIND_ENUM || kind == ENUM64) && found->size <= 8;
}

static const char *check_section(const struct types *types, const struct btf_type *type) {
    const struct btf_var_secinfo *row = (const struct btf_var_secinfo *)(type + 1);
    int is_kconfig = !strcmp(eu_btf_name(&types->view, type->name_off), ".kconfig");
    for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++) {
        if (row[i].offset > MOST_BYTES || row[i].size > MOST_BYTES)
            return "a variable beyond 512 MiB of its section";
        if (is_kconfig && !is_config(types, row[i].type))
            return "a variable of .kconfig that is neither a number nor text";
    }
    return NULL;
}

static const char *check_type(const struct types *types, const struct btf_type *type) {
    const struct btf_type *found;
    uint32_t kind = BTF_INFO_KIND(type->info);
    if (is_name_for(kind))
        return kind_behind(types, type->type, &found) < 0 ? "a type that is made of itself" : NULL;
    if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION)
        return check_members(type);
    return kind == BTF_KIND_DATASEC ? check_section(types, type) : NULL;
}

static const char *check_types(struct types *types) {
    const struct btf_type *type;
    const char *at = types->view.types, *why = NULL;
    int64_t tail;
    for (; !why && (type = eu_btf_at(&types->view, at, &tail)); at += sizeof(*type) + tail)
        why = check_type(types, type);
    return why ? why : at != types->view.types_end ? "a type is cut off, or of an unknown kind" : NULL;
}

const char *eu_btf_check(const void *bytes, size_t size) {
    struct types types = {.offsets = NULL};
    char *copy = (uintptr_t)bytes % 4 ? malloc(size + 1) : NULL; /* in a file it may stand anywhere */
    const char *why = NULL;
    if (copy)
        memcpy(copy, bytes, size);
    if (eu_btf_view(copy ? copy : bytes, size, &types.view))
        why = "a header that does not fit";
    else if (!(types.offsets = eu_type_offsets(&types.view, &types.count)) || types.count > MOST_TYPES)
        why = "too many types";
    else
        why = check_types(&types);
    free(types.offsets);
    free(copy);
    return why;
}
