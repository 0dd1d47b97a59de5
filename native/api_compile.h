#ifndef API_COMPILE_H
#define API_COMPILE_H
/* What ecc needs from libbpf: vmlinux.h from BTF, linking (drops DWARF), minimal BTF for other kernels; and what reading these takes. */
/* Write every type of a BTF file as a C header, with the kfuncs' prototypes at its end. path NULL: the running kernel's. */
int eu_dump_vmlinux(const char *path, const char *output);
/* bpf_linker: input object to output object, without DWARF. */
int eu_link_object(const char *input, const char *output);
/* Minimal BTF of kernel BTF `path` for the CO-RE records of an object (ELF bytes) into output. */
int eu_minimal_btf(const void *elf, size_t size, const char *path, const char *output);
#endif
