/* Programs and libraries that uprobes name, and their symbols. */
#ifndef EUNOMIA_BINARIES_H
#define EUNOMIA_BINARIES_H
#include "near.h"
#include <stddef.h>

/* Path of a binary: as it is where it has a slash, else from PATH, or for libraries LD_LIBRARY_PATH and the linker's cache.
 * -ENOENT where there is none. */
int eu_find_binary(const char *name, char *path, size_t room);
/* As eu_find_binary, and as a process sees it: a library that it has mapped, a path below its root; name "": its program. pid 0 or less:
 * nobody's. -ESRCH where there is no such process. */
int eu_find_binary_of(const char *name, int pid, char *path, size_t room);
typedef void eu_take_name(void *context, const char *name);
/* The functions of an ELF file; one may come twice. */
void eu_each_function(const char *path, eu_take_name *take, void *context);
/* Offer the functions of an ELF file. */
void eu_offer_functions(struct eu_near *near, const char *path);
#endif
