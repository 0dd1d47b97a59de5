/* The imports of docs/reference/wasm-interface.md, for guests of tests. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define HOST(name) __attribute__((import_module("wasm_bpf"), import_name(#name)))
typedef uint64_t object;
typedef int (*callback)(void *context, void *data, int size);
HOST(wasm_load_bpf_object) object load(const void *elf, int size);
HOST(wasm_close_bpf_object) int close_object(object obj);
HOST(wasm_attach_bpf_program) int attach(object obj, const char *name, const char *target);
HOST(wasm_attach_bpf_program_fd) int attach_fd(object obj, const char *name, int fd);
HOST(wasm_bpf_map_fd_by_name) int map_fd(object obj, const char *name);
HOST(wasm_bpf_buffer_poll) int poll_buffer(object obj, int fd, callback call, void *context, void *data, int max_size, int timeout_ms);
HOST(wasm_bpf_map_operate) int operate(int fd, int cmd, const void *key, void *value, void *next_key, uint64_t flags);
HOST(wasm_bpf_version) int version(void);
HOST(wasm_bpf_error) int error_line(char *out, int size);
HOST(wasm_bpf_object_open) object open_object(const void *elf, int size, const char *name);
HOST(wasm_bpf_object_load) int load_object(object obj);
HOST(wasm_bpf_map_info) int map_info(object obj, int index, void *out, int size);
HOST(wasm_bpf_map_info_by_fd) int map_info_by_fd(int fd, void *out, int size);
HOST(wasm_bpf_program_info) int program_info(object obj, int index, void *out, int size);
HOST(wasm_bpf_program_fd_by_name) int program_fd(object obj, const char *name);
HOST(wasm_bpf_map_set) int map_set(object obj, const char *name, int what, int64_t value);
HOST(wasm_bpf_program_set) int program_set(object obj, const char *name, int what, int64_t value);
HOST(wasm_bpf_program_bind) int program_bind(object obj, const char *name, const char *target);
HOST(wasm_bpf_map_initial) int map_initial(object obj, const char *name, int offset, void *bytes, int size, int write);
HOST(wasm_bpf_map_mmap) int map_mmap(int fd, void *at, int size);
HOST(wasm_bpf_map_munmap) int map_munmap(void *at, int size);
HOST(wasm_bpf_map_batch) int map_batch(int fd, int cmd, void *in, void *out, void *keys, void *values, uint32_t *count, uint64_t flags);
HOST(wasm_bpf_link_attach) int link_attach(object obj, const char *name, const char *target);
HOST(wasm_bpf_link_detach) int link_detach(int link);
HOST(wasm_bpf_buffer_poll_batch) int poll_batch(int fd, void *data, int size, int timeout_ms);
HOST(wasm_bpf_buffers_wait) int buffers_wait(const int *fds, int count, int timeout_ms);
HOST(wasm_bpf_buffer_lost) int64_t buffer_lost(int fd);
HOST(wasm_bpf_possible_cpus) int possible_cpus(void);
HOST(wasm_bpf_take_signal) int take_signal(void);
HOST(wasm_bpf_program_test_run)
int test_run(object obj, const char *name, const void *in, int in_size, void *out, int out_size, int repeat, uint32_t *result);
HOST(wasm_bpf_symbol) int symbol(int pid, uint64_t address, char *out, int size);
HOST(wasm_bpf_probe) int probe(int what, const char *name);
enum { LOOKUP = 1, UPDATE, DELETE, NEXT_KEY, LOOKUP_AND_DELETE = 21, FREEZE };
static const unsigned char elf[] = {
#embed "object.o"
};
#define SHOW(expression) printf("%s = %lld\n", #expression, (long long)(expression))
static inline const char *last_error(void) {
    static char line[2048];
    error_line(line, sizeof(line));
    return line;
}
