/* Weak stand-ins until every function of the API exists; to be deleted. */
#include "eunomia.h"
__attribute__((weak)) int eu_dump_vmlinux(const char *path, const char *output) { return 0; }
__attribute__((weak)) int eu_link_object(const char *input, const char *output) { return 0; }
__attribute__((weak)) int eu_minimal_btf(const void *elf, size_t size, const char *path, const char *output) { return 0; }
__attribute__((weak)) struct eu_plan * eu_plan_read(const void *bytes, size_t size) { return 0; }
__attribute__((weak)) void eu_plan_free(struct eu_plan *plan) {  }
__attribute__((weak)) int eu_plan_sources(const struct eu_plan *plan) { return 0; }
__attribute__((weak)) long eu_render(struct eu_plan *plan, int source, const struct eu_format *format, const void *record, size_t size, char *out, size_t room) { return 0; }
__attribute__((weak)) struct eu_run * eu_run_new(struct eu_object *object, struct eu_plan *plan, const struct eu_run_options *options) { return 0; }
__attribute__((weak)) int eu_run_loop(struct eu_run *run) { return 0; }
__attribute__((weak)) void eu_run_stop(struct eu_run *run) {  }
__attribute__((weak)) void eu_run_free(struct eu_run *run) {  }
__attribute__((weak)) int eu_run_account(struct eu_run *run, int source, struct eu_account *account) { return 0; }
__attribute__((weak)) struct eu_reader * eu_reader_new(struct eu_object *object, int map, int perf_pages) { return 0; }
__attribute__((weak)) int eu_reader_fd(struct eu_reader *reader) { return 0; }
__attribute__((weak)) int eu_reader_wait(struct eu_reader *reader, int timeout_ms) { return 0; }
__attribute__((weak)) long eu_reader_take(struct eu_reader *reader, void *buffer, size_t size, uint32_t *starts, uint32_t *lengths, long max) { return 0; }
__attribute__((weak)) uint64_t eu_reader_lost(struct eu_reader *reader) { return 0; }
__attribute__((weak)) void eu_reader_free(struct eu_reader *reader) {  }
__attribute__((weak)) long eu_symbol_kernel(uint64_t address, char *out, size_t room) { return 0; }
__attribute__((weak)) long eu_symbol_user(int pid, uint64_t address, char *out, size_t room) { return 0; }
__attribute__((weak)) const char * eu_error(void) { return 0; }
__attribute__((weak)) int eu_errno(void) { return 0; }
__attribute__((weak)) const char * eu_log(void) { return 0; }
__attribute__((weak)) void eu_log_clear(void) {  }
__attribute__((weak)) void eu_log_to(int fd, int level) {  }
__attribute__((weak)) const char * eu_libbpf_version(void) { return 0; }
__attribute__((weak)) struct eu_object * eu_open(const void *elf, size_t size, const struct eu_open_options *options) { return 0; }
__attribute__((weak)) int eu_load(struct eu_object *object) { return 0; }
__attribute__((weak)) void eu_close(struct eu_object *object) {  }
__attribute__((weak)) int eu_used_minimal_btf(struct eu_object *object) { return 0; }
__attribute__((weak)) int eu_map_count(struct eu_object *object) { return 0; }
__attribute__((weak)) int eu_map_get(struct eu_object *object, int map, struct eu_map_info *info) { return 0; }
__attribute__((weak)) int eu_map_find(struct eu_object *object, const char *name) { return 0; }
__attribute__((weak)) int eu_map_set_max_entries(struct eu_object *object, int map, uint32_t entries) { return 0; }
__attribute__((weak)) int eu_map_set_type(struct eu_object *object, int map, uint32_t type) { return 0; }
__attribute__((weak)) int eu_map_set_autocreate(struct eu_object *object, int map, int on) { return 0; }
__attribute__((weak)) int eu_map_write_initial(struct eu_object *object, int map, size_t offset, const void *bytes, size_t size) { return 0; }
__attribute__((weak)) int eu_map_read_initial(struct eu_object *object, int map, size_t offset, void *bytes, size_t size) { return 0; }
__attribute__((weak)) int eu_map_lookup(struct eu_object *object, int map, const void *key, void *value, uint64_t flags) { return 0; }
__attribute__((weak)) int eu_map_update(struct eu_object *object, int map, const void *key, const void *value, uint64_t flags) { return 0; }
__attribute__((weak)) int eu_map_delete(struct eu_object *object, int map, const void *key) { return 0; }
__attribute__((weak)) int eu_map_next_key(struct eu_object *object, int map, const void *key, void *next) { return 0; }
__attribute__((weak)) long eu_map_read_batch(struct eu_object *object, int map, void *cursor, int first, void *keys, void *values, uint32_t max, int *done) { return 0; }
__attribute__((weak)) int eu_map_pin(struct eu_object *object, int map, const char *path) { return 0; }
__attribute__((weak)) int eu_possible_cpus(void) { return 0; }
__attribute__((weak)) int eu_prog_count(struct eu_object *object) { return 0; }
__attribute__((weak)) int eu_prog_get(struct eu_object *object, int prog, struct eu_prog_info *info) { return 0; }
__attribute__((weak)) int eu_prog_find(struct eu_object *object, const char *name) { return 0; }
__attribute__((weak)) int eu_prog_set_autoload(struct eu_object *object, int prog, int on) { return 0; }
__attribute__((weak)) int eu_prog_attach(struct eu_object *object, int prog, const struct eu_attach_options *options) { return 0; }
__attribute__((weak)) int eu_prog_detach(struct eu_object *object, int prog) { return 0; }
__attribute__((weak)) int eu_tracefs(void) { return 0; }
__attribute__((weak)) int eu_btf_find(const char *path, const char *name, uint32_t kind) { return 0; }
