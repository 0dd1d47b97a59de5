/* The names of libbpf-tools' btf_helpers.h: the host finds the kernel's types. */
#ifndef __BTF_HELPERS_H
#define __BTF_HELPERS_H
#pragma GCC system_header
#include <bpf/libbpf.h>

static inline int ensure_core_btf(struct bpf_object_open_opts *opts)
{
	(void)opts;
	return 0;
}

static inline void cleanup_core_btf(struct bpf_object_open_opts *opts)
{
	(void)opts;
}
#endif
