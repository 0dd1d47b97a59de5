/* Programs and libraries that uprobes name, and their symbols. */
#ifndef EUNOMIA_BINARIES_H
#define EUNOMIA_BINARIES_H
#include "near.h"
#include <stddef.h>

/* Path of a binary: as it is where it has a slash, else from PATH, or for libraries LD_LIBRARY_PATH and the linker's cache.
 * -ENOENT where there is none. */
int eu_find_binary(const char *name, char *path, size_t room);
/* Offer the functions of an ELF file. */
void eu_offer_functions(struct eu_near *near, const char *path);
#endif
