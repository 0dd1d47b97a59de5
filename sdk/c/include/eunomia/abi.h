/* The functions of the host, as docs/reference/wasm-interface.md has them. Errors are Linux's numbers, negative (LINUX_EINTR …: where
 * a program does not use this SDK's <errno.h>). A function that is not called is not imported. */
#ifndef EUNOMIA_ABI_H
#define EUNOMIA_ABI_H
#pragma GCC system_header
#include <eunomia/base.h>
#include <stddef.h>
#include <stdint.h>

#define EU_HOST(name) EU_IMPORT("wasm_bpf", #name)
EU_HOST(wasm_load_bpf_object) uint64_t wasm_load_bpf_object(const void *elf, int size);
EU_HOST(wasm_close_bpf_object) int wasm_close_bpf_object(uint64_t object);
EU_HOST(wasm_attach_bpf_program) int wasm_attach_bpf_program(uint64_t object, const char *program, const char *target);
EU_HOST(wasm_attach_bpf_program_fd) int wasm_attach_bpf_program_fd(uint64_t object, const char *program, int fd);
EU_HOST(wasm_bpf_map_fd_by_name) int wasm_bpf_map_fd_by_name(uint64_t object, const char *name);
EU_HOST(wasm_bpf_buffer_poll)
int wasm_bpf_buffer_poll(uint64_t object, int fd, int (*callback)(void *, void *, size_t), void *context, void *data, int size,
			 int timeout_ms);
EU_HOST(wasm_bpf_map_operate) int wasm_bpf_map_operate(int fd, int command, const void *key, void *value, void *next_key, uint64_t flags);

EU_HOST(wasm_bpf_version) int wasm_bpf_version(void);
EU_HOST(wasm_bpf_error) int wasm_bpf_error(char *text, int size);
EU_HOST(wasm_bpf_object_open) uint64_t wasm_bpf_object_open(const void *elf, int size, const char *name);
EU_HOST(wasm_bpf_object_load) int wasm_bpf_object_load(uint64_t object);
EU_HOST(wasm_bpf_map_info) int wasm_bpf_map_info(uint64_t object, int index, void *out, int size);
EU_HOST(wasm_bpf_map_info_by_fd) int wasm_bpf_map_info_by_fd(int fd, void *out, int size);
EU_HOST(wasm_bpf_program_info) int wasm_bpf_program_info(uint64_t object, int index, void *out, int size);
EU_HOST(wasm_bpf_map_set) int wasm_bpf_map_set(uint64_t object, const char *name, int what, uint64_t value);
EU_HOST(wasm_bpf_program_set) int wasm_bpf_program_set(uint64_t object, const char *name, int what, uint64_t value);
EU_HOST(wasm_bpf_program_bind) int wasm_bpf_program_bind(uint64_t object, const char *name, const char *target);
EU_HOST(wasm_bpf_program_fd_by_name) int wasm_bpf_program_fd_by_name(uint64_t object, const char *name);
EU_HOST(wasm_bpf_map_initial)
int wasm_bpf_map_initial(uint64_t object, const char *name, int offset, void *bytes, int size, int is_write);
EU_HOST(wasm_bpf_map_mmap) int wasm_bpf_map_mmap(int fd, void *at, int size);
EU_HOST(wasm_bpf_map_munmap) int wasm_bpf_map_munmap(void *at, int size);
EU_HOST(wasm_bpf_map_batch)
int wasm_bpf_map_batch(int fd, int command, const void *in, void *out, void *keys, void *values, uint32_t *count, uint64_t flags);
EU_HOST(wasm_bpf_link_attach) int wasm_bpf_link_attach(uint64_t object, const char *program, const char *target);
EU_HOST(wasm_bpf_link_detach) int wasm_bpf_link_detach(int link);
EU_HOST(wasm_bpf_buffer_poll_batch) int wasm_bpf_buffer_poll_batch(int fd, void *data, int size, int timeout_ms);
EU_HOST(wasm_bpf_buffers_wait) int wasm_bpf_buffers_wait(const int *fds, int count, int timeout_ms);
EU_HOST(wasm_bpf_buffer_lost) int64_t wasm_bpf_buffer_lost(int fd);
EU_HOST(wasm_bpf_possible_cpus) int wasm_bpf_possible_cpus(void);
EU_HOST(wasm_bpf_take_signal) int wasm_bpf_take_signal(void);
EU_HOST(wasm_bpf_program_test_run)
int wasm_bpf_program_test_run(uint64_t object, const char *name, const void *in, int in_size, void *out, int out_size, int repeat,
			      void *result);
EU_HOST(wasm_bpf_symbol) int wasm_bpf_symbol(int pid, uint64_t address, char *text, int size);
EU_HOST(wasm_bpf_module_copy) int wasm_bpf_module_copy(const char *module, uint32_t at, void *bytes, uint32_t size, int to);
EU_HOST(wasm_bpf_probe) int wasm_bpf_probe(int what, const char *name);

enum { EU_MAP_MAX_ENTRIES = 1, EU_MAP_PAGES, EU_MAP_TYPE, EU_MAP_KEY_SIZE, EU_MAP_VALUE_SIZE, EU_MAP_FLAGS, EU_MAP_AUTOCREATE };
enum { EU_PROGRAM_AUTOLOAD = 1, EU_PROGRAM_TYPE, EU_PROGRAM_ATTACH_TYPE };
enum {
	EU_PROBE_FENTRY = 1, EU_PROBE_TP_BTF, EU_PROBE_MAP_TYPE, EU_PROBE_PROGRAM_TYPE, EU_PROBE_KPROBE, EU_PROBE_TRACEPOINT,
	EU_PROBE_STRUCT, EU_PROBE_BTF, EU_PROBE_HELPER, EU_PROBE_HOST,
};
enum { LINUX_EPERM = 1, LINUX_ENOENT, LINUX_ESRCH, LINUX_EINTR, LINUX_EIO, LINUX_E2BIG = 7, LINUX_EBADF = 9, LINUX_EAGAIN = 11,
       LINUX_ENOMEM, LINUX_EACCES, LINUX_EFAULT, LINUX_EBUSY = 16, LINUX_EEXIST, LINUX_ENODEV = 19, LINUX_EINVAL = 22,
       LINUX_ENOSPC = 28, LINUX_ENOSYS = 38, LINUX_ENOTSUP = 95 };

struct eu_map_info { /* of wasm_bpf_map_info */
	uint32_t type, key_size, value_size, max_entries, map_flags;
	int32_t fd;
	uint32_t cpus, is_mmapable;
	char name[64], section[64];
};
struct eu_program_info { /* of wasm_bpf_program_info */
	uint32_t type, expected_attach_type, instructions, autoload;
	char name[128], section[128];
};
#endif
