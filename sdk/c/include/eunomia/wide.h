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
/* These are words with `long` in them. */
typedef __SIZE_TYPE__ eu_size_type;
typedef __PTRDIFF_TYPE__ eu_ptrdiff_type;
typedef __INTPTR_TYPE__ eu_intptr_type;
typedef __UINTPTR_TYPE__ eu_uintptr_type;
#undef __SIZE_TYPE__
#undef __PTRDIFF_TYPE__
#undef __INTPTR_TYPE__
#undef __UINTPTR_TYPE__
#define __SIZE_TYPE__ eu_size_type
#define __PTRDIFF_TYPE__ eu_ptrdiff_type
#define __INTPTR_TYPE__ eu_intptr_type
#define __UINTPTR_TYPE__ eu_uintptr_type
#if !defined(__cplusplus) && !defined(__GLIBC__) /* sources bring their own of what this SDK has as glibc has it (strerrorname_np) */
#define __GLIBC__ 2
#define __GLIBC_MINOR__ 36
#endif
#endif
