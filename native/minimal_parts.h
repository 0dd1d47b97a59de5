/* What the two halves of making minimal BTF share: what an object asks for, and the kernel's types that answer. */
#ifndef EUNOMIA_MINIMAL_PARTS_H
#define EUNOMIA_MINIMAL_PARTS_H
#include "btf_raw.h"
#include <stddef.h>
#include <stdint.h>

enum { EU_MAX_NAMES = 8192 };

struct eu_name {
    const char *text; /* in the object's strings */
    uint32_t length;
    int found;
    uint32_t kinds; /* of the object's types with this name, eu_kind_bit() of each */
    int deep;       /* a type that is compared through pointers and prototypes */
    int next;       /* with the same first character, -1: last */
};
struct eu_names {
    struct eu_name *list; /* EU_MAX_NAMES */
    int count;
    int first[256];
};

/* What an object's CO-RE records ask for: types by their essential names, and the names of members on the way of their accesses. */
struct eu_wanted {
    struct eu_btf_view object;
    struct eu_names roots, members;
};

/* 0, EU_BTF_NOT_NEEDED or EU_BTF_PLAIN. */
int eu_wanted_collect(struct eu_wanted *wanted, const void *elf, size_t size);
void eu_wanted_free(struct eu_wanted *wanted);
/* The name in the list, or NULL. */
struct eu_name *eu_names_find(const struct eu_names *names, const char *text, uint32_t length);
/* Types match by kind, in which enums of 32 and 64 bits are the same: btf_kind_core_compat of libbpf. */
static inline uint32_t eu_kind_bit(uint32_t kind) {
    return 1u << (kind == 19 ? BTF_KIND_ENUM : kind);
}
/* Length of a name without its flavour: bpf_core_essential_name_len of libbpf. */
uint32_t eu_essential_length(const char *name);
/* Where each type begins, by id; NULL: out of memory, or too many. */
uint32_t *eu_type_offsets(const struct eu_btf_view *view, uint32_t *count);
#endif
