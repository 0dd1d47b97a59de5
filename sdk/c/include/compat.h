/* The names of libbpf-tools' compat.h: a ring buffer, or where the kernel has none a perf buffer. */
#ifndef __COMPAT_H
#define __COMPAT_H
#pragma GCC system_header
#include <bpf/libbpf.h>
#define POLL_TIMEOUT_MS 100
#define bpf_buffer__new(events, heap) eu_bpf_buffer_new(events, heap)
#define bpf_buffer__open(buffer, sample, lost, context) eu_bpf_buffer_open(buffer, sample, lost, context)

static inline void *libbpf_reallocarray(void *memory, size_t count, size_t size)
{
	return size && count > (size_t)-1 / size ? NULL : realloc(memory, count * size);
}
#endif
