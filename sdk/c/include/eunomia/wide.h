/* Included before each source by ecc build-wasm, which reads `long` as 64 bits there: its limits. */
#ifndef EUNOMIA_WIDE_H
#define EUNOMIA_WIDE_H
#pragma GCC system_header
#include <limits.h>
#undef LONG_MAX
#undef LONG_MIN
#undef ULONG_MAX
#define LONG_MAX LLONG_MAX
#define LONG_MIN LLONG_MIN
#define ULONG_MAX ULLONG_MAX
#if !defined(__cplusplus) && !defined(__GLIBC__) /* sources bring their own of what this SDK has as glibc has it (strerrorname_np) */
#define __GLIBC__ 2
#define __GLIBC_MINOR__ 36
#endif
#endif
