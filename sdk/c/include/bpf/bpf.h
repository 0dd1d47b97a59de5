/* Elements of maps, by descriptor. */
#ifndef __LIBBPF_BPF_H
#define __LIBBPF_BPF_H
#pragma GCC system_header
#include <bpf/libbpf_common.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_map_batch_opts { size_t sz; __u64 elem_flags, flags; };
struct bpf_test_run_opts {
	size_t sz;
	const void *data_in;
	void *data_out;
	__u32 data_size_in, data_size_out;
	const void *ctx_in;
	void *ctx_out;
	__u32 ctx_size_in, ctx_size_out, retval;
	int repeat;
	__u32 duration, flags, cpu, batch_size;
};

#include <bpf/libbpf.h>
#include <eunomia/elements.h>
#endif
