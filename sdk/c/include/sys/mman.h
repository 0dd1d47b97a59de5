/* mmap() of a map's array (BPF_F_MMAPABLE), and of memory without a file. */
#ifndef _SYS_MMAN_H
#define _SYS_MMAN_H
#include <errno.h>
#include <eunomia/abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_FIXED 16
#define MAP_ANONYMOUS 32
#define MAP_ANON MAP_ANONYMOUS
#define MAP_FAILED ((void *)-1)

EU_API void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	void *memory = at || offset || !size ? NULL : aligned_alloc(4096, (size + 4095) / 4096 * 4096);
	int result = memory ? 0 : -EINVAL;

	(void)protection;
	if (memory && flags & MAP_ANONYMOUS)
		memset(memory, 0, size);
	else if (memory)
		result = wasm_bpf_map_mmap(fd, memory, (int)size);
	if (!result)
		return memory;
	free(memory);
	errno = -result;
	return MAP_FAILED;
}

EU_API int munmap(void *memory, size_t size)
{
	wasm_bpf_map_munmap(memory, (int)size); /* -EINVAL where it is of no map: it is ordinary memory then */
	free(memory);
	return 0;
}
#endif
