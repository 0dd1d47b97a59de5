/* wasi-libc's, and open() that knows control groups. */
#pragma GCC system_header
#include_next <fcntl.h>
#ifndef EUNOMIA_FCNTL_H
#define EUNOMIA_FCNTL_H
#ifdef __cplusplus
extern "C" int eunomia_open(const char *path, int flags, ...);
#else
int eunomia_open(const char *path, int flags, ...);
#include <eunomia/names.h>
#define open(...) eunomia_open(__VA_ARGS__)
#endif
#endif
