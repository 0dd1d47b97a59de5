/* The names of libbpf-tools' syscall_helpers.h: system calls of the host's machine by number. */
#ifndef __SYSCALL_HELPERS_H
#define __SYSCALL_HELPERS_H
#pragma GCC system_header
#include <bpf/libbpf.h>
#include <eunomia/syscalls.h>
#include <stdlib.h>

/* Which machine it is, a structure of its registers tells. */
EU_API const char *eu_syscall_names(void)
{
	static const char *names;

	if (!names)
		names = wasm_bpf_probe(EU_PROBE_STRUCT, "pt_regs.orig_ax") > 0 ? EU_SYSCALLS_X86_64 : EU_SYSCALLS_AARCH64;
	return names;
}

EU_API int syscall_name(unsigned wanted, char *name, size_t size)
{
	const char *word = eu_syscall_names();
	unsigned number = 0;

	for (; *word; word += strcspn(word, " ") + 1) {
		if (*word >= '0' && *word <= '9') {
			number = (unsigned)strtoull(word, NULL, 10);
			continue;
		}
		if (number++ == wanted) {
			snprintf(name, size, "%.*s", (int)strcspn(word, " "), word);
			return 0;
		}
	}
	snprintf(name, size, "[unknown: %u]", wanted);
	return -1;
}

static inline void init_syscall_names(void)
{
}

static inline void free_syscall_names(void)
{
}

EU_API void list_syscalls(void)
{
	const char *word = eu_syscall_names();
	unsigned number = 0;

	for (; *word; word += strcspn(word, " ") + 1) {
		if (*word >= '0' && *word <= '9')
			number = (unsigned)strtoull(word, NULL, 10);
		else
			printf("%3u: %.*s\n", number++, (int)strcspn(word, " "), word);
	}
}
#endif
