/* How the SDK's headers define their functions: each is in every object that includes it, and the linker keeps one, or none. */
#ifndef EUNOMIA_BASE_H
#define EUNOMIA_BASE_H
#pragma GCC system_header

#ifndef __wasm__
#error "this header is for guests (wasm32-wasi) [ecc build-wasm, or clang --target=wasm32-wasi]"
#endif
#ifdef __cplusplus
#define EU_API extern "C" __attribute__((weak))
#define EU_IMPORT(module, name) extern "C" __attribute__((import_module(module), import_name(name)))
#else
#define EU_API __attribute__((weak))
#define EU_IMPORT(module, name) extern __attribute__((import_module(module), import_name(name)))
#endif
/* A variable, which C++ does not mangle. */
#define EU_VAR __attribute__((weak))
EU_VAR void (*eu_sync_hook)(void);   /* set where sections are copies */
EU_VAR void (*eu_signal_hook)(void); /* set by signal() */

/* 64 bits, as `unsigned long` has where sources were written */
typedef unsigned long long eu_ulong;
#endif
