#pragma GCC system_header
#include_next <sys/sysinfo.h>
#ifndef EUNOMIA_SYS_SYSINFO_H
#define EUNOMIA_SYS_SYSINFO_H
#include <eunomia/abi.h>
EU_API int get_nprocs(void)
{
	return wasm_bpf_possible_cpus();
}

EU_API int get_nprocs_conf(void)
{
	return wasm_bpf_possible_cpus();
}
#endif
