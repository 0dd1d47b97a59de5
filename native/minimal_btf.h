/* Minimal BTF: the few kernel types that an object's CO-RE records can match, so that libbpf need not parse all of them. */
#ifndef EUNOMIA_MINIMAL_BTF_H
#define EUNOMIA_MINIMAL_BTF_H
#include <stddef.h>

enum {
    EU_BTF_NOT_NEEDED = -1, /* the object has no CO-RE record */
    EU_BTF_PLAIN = -2,      /* libbpf must see the whole kernel BTF, or there is none */
};
/* A descriptor of minimal BTF for libbpf's btf_custom_path, or one of the above.
 * path: kernel BTF, NULL the running kernel's; without: a type that shall not exist in it, NULL: none. */
int eu_minimal_btf_memfd(const void *elf, size_t size, const char *path, const char *without);
#endif
