/* Names alone: there is no ELF library for guests; the host reads binaries. */
#ifndef EUNOMIA_GELF_H
#define EUNOMIA_GELF_H
#include <elf.h>
typedef struct Elf Elf;
#endif
