/* The names of wasm-bpf's header, so that its sources and skeletons compile; the rest is libbpf's. */
#ifndef _LIBBPF_WASM_H
#define _LIBBPF_WASM_H
#pragma GCC system_header
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
typedef uint64_t bpf_object_skel;
#define bpf_buffer__new(events) eu_bpf_buffer_new(events, NULL)
#define bpf_buffer__open(buffer, sample, context) eu_bpf_buffer_open(buffer, sample, NULL, context)
#endif
