/* What libbpf 1.5 takes for granted in an object and does not check: bytes from outside, looked at before it sees them. */
#ifndef EUNOMIA_ELF_CHECK_H
#define EUNOMIA_ELF_CHECK_H
#include <stddef.h>

struct eu_object;
/* 0, or -errno with eu_error(). What is no ELF file of this machine's kind at all is left to libbpf to refuse.
 */
int eu_elf_check(const void *elf, size_t size, const char *name);
/* Of an object that libbpf opened: 0, or -errno with eu_error(). */
int eu_maps_check(const struct eu_object *object);
/* btf_check.c: NULL, or what is wrong with the bytes of a .BTF section. */
const char *eu_btf_check(const void *bytes, size_t size);
#endif
