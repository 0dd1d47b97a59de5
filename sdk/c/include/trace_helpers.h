/* The names of libbpf-tools' trace_helpers.h, answered by the host: symbols of the kernel and of processes, what the kernel has,
 * histograms, disks. Addresses have 64 bits, as `unsigned long` has where such tools were written. */
#ifndef __TRACE_HELPERS_H
#define __TRACE_HELPERS_H
#pragma GCC system_header
#include <bpf/libbpf.h>
#include <stdbool.h>

#ifndef NSEC_PER_SEC
#define NSEC_PER_SEC 1000000000ULL
#endif

struct ksym {
	const char *name;
	eu_ulong addr;
};
struct sym {
	const char *name, *demangled;
	eu_ulong start, size, offset;
};
struct sym_info {
	const char *dso_name;
	eu_ulong dso_offset;
	const char *sym_name;
	eu_ulong sym_offset;
};
struct partition {
	char *name;
	unsigned dev;
};
typedef int (*convert_fn_t)(const char *src, void *dest);

#include <eunomia/symbols.h>
#include <eunomia/histograms.h>
#include <eunomia/kernel.h>
#endif
