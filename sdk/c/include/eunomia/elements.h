/* bpf(2) on maps and programs by descriptor, as libbpf's <bpf/bpf.h> has it. */
#ifndef EUNOMIA_ELEMENTS_H
#define EUNOMIA_ELEMENTS_H
#pragma GCC system_header
#include <eunomia/accessors.h>

EU_API int bpf_map_lookup_elem_flags(int fd, const void *key, void *value, __u64 flags)
{
	return eu_err(wasm_bpf_map_operate(fd, 1, key, value, NULL, flags));
}

EU_API int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	return bpf_map_lookup_elem_flags(fd, key, value, 0);
}

EU_API int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	return eu_err(wasm_bpf_map_operate(fd, 2, key, (void *)value, NULL, flags));
}

EU_API int bpf_map_delete_elem_flags(int fd, const void *key, __u64 flags)
{
	return eu_err(wasm_bpf_map_operate(fd, 3, key, NULL, NULL, flags));
}

EU_API int bpf_map_delete_elem(int fd, const void *key)
{
	return bpf_map_delete_elem_flags(fd, key, 0);
}

EU_API int bpf_map_get_next_key(int fd, const void *key, void *next)
{
	return eu_err(wasm_bpf_map_operate(fd, 4, key, NULL, next, 0));
}

EU_API int bpf_map_lookup_and_delete_elem_flags(int fd, const void *key, void *value, __u64 flags)
{
	return eu_err(wasm_bpf_map_operate(fd, 21, key, value, NULL, flags));
}

EU_API int bpf_map_lookup_and_delete_elem(int fd, const void *key, void *value)
{
	return bpf_map_lookup_and_delete_elem_flags(fd, key, value, 0);
}

EU_API int bpf_map_freeze(int fd)
{
	return eu_err(wasm_bpf_map_operate(fd, 22, NULL, NULL, NULL, 0));
}

EU_API int eu_batch(int fd, int command, const void *in, void *out, const void *keys, const void *values, __u32 *count,
		    const struct bpf_map_batch_opts *opts)
{
	return eu_err(wasm_bpf_map_batch(fd, command, in, out, (void *)keys, (void *)values, count, opts ? opts->elem_flags : 0));
}

/* Where a batch is: as many bytes as the kernel has there, and no more, as callers keep it in a variable of that size. */
EU_API int eu_batch_from(int fd, int command, const void *in, void *out, void *keys, void *values, __u32 *count,
			 const struct bpf_map_batch_opts *opts)
{
	char from[512] = {}, to[512] = {};
	struct eu_map_info info;
	size_t size;
	int result = wasm_bpf_map_info_by_fd(fd, &info, sizeof(info));

	if (result < 0)
		return eu_err(result);
	size = info.type == BPF_MAP_TYPE_LPM_TRIE ? info.key_size : sizeof(__u32);
	if (size > sizeof(to) || !out)
		return eu_batch(fd, command, in, out, keys, values, count, opts);
	if (in)
		memcpy(from, in, size);
	result = eu_batch(fd, command, in ? from : NULL, to, keys, values, count, opts);
	memcpy(out, to, size);
	return result;
}

EU_API int bpf_map_lookup_batch(int fd, void *in, void *out, void *keys, void *values, __u32 *count,
				const struct bpf_map_batch_opts *opts)
{
	return eu_batch_from(fd, 24, in, out, keys, values, count, opts);
}

EU_API int bpf_map_lookup_and_delete_batch(int fd, void *in, void *out, void *keys, void *values, __u32 *count,
					   const struct bpf_map_batch_opts *opts)
{
	return eu_batch_from(fd, 25, in, out, keys, values, count, opts);
}

EU_API int bpf_map_update_batch(int fd, const void *keys, const void *values, __u32 *count, const struct bpf_map_batch_opts *opts)
{
	return eu_batch(fd, 26, NULL, NULL, keys, values, count, opts);
}

EU_API int bpf_map_delete_batch(int fd, const void *keys, __u32 *count, const struct bpf_map_batch_opts *opts)
{
	return eu_batch(fd, 27, NULL, NULL, keys, NULL, count, opts);
}

EU_API int bpf_map_get_info_by_fd(int fd, struct bpf_map_info *info, __u32 *size)
{
	struct bpf_map_info whole = {};
	struct eu_map_info found;
	int result = wasm_bpf_map_info_by_fd(fd, &found, sizeof(found));

	if (result < 0)
		return eu_err(result);
	whole.type = found.type;
	whole.key_size = found.key_size;
	whole.value_size = found.value_size;
	whole.max_entries = found.max_entries;
	whole.map_flags = found.map_flags;
	memcpy(whole.name, found.name, sizeof(whole.name) - 1);
	if (*size > sizeof(whole))
		*size = sizeof(whole);
	memcpy(info, &whole, *size);
	return 0;
}

EU_API int bpf_obj_get_info_by_fd(int fd, void *info, __u32 *size)
{
	return bpf_map_get_info_by_fd(fd, (struct bpf_map_info *)info, size);
}

EU_API int bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *opts)
{
	struct bpf_program *program = eu_program_of(fd);
	__u32 result[2] = {};
	const void *in = opts->data_in ? opts->data_in : opts->ctx_in;
	int size;

	if (!program)
		return eu_err(-EBADF);
	size = wasm_bpf_program_test_run(program->object->handle, program->info.name, in,
					 (int)(opts->data_in ? opts->data_size_in : opts->ctx_size_in), opts->data_out,
					 (int)opts->data_size_out, opts->repeat, result);
	eu_pause_point();
	if (size < 0)
		return eu_refused(size);
	opts->data_size_out = size;
	opts->retval = result[0];
	opts->duration = result[1];
	return 0;
}

EU_API int libbpf_num_possible_cpus(void)
{
	return eu_err(wasm_bpf_possible_cpus());
}

EU_API int eu_probe_number(int what, int number, const char *more)
{
	char name[64];

	snprintf(name, sizeof(name), "%d%s", number, more);
	return wasm_bpf_probe(what, name);
}

EU_API int libbpf_probe_bpf_map_type(enum bpf_map_type type, const void *)
{
	return eu_probe_number(EU_PROBE_MAP_TYPE, type, "");
}

EU_API int libbpf_probe_bpf_prog_type(enum bpf_prog_type type, const void *)
{
	return eu_probe_number(EU_PROBE_PROGRAM_TYPE, type, "");
}

EU_API int libbpf_probe_bpf_helper(enum bpf_prog_type type, enum bpf_func_id helper, const void *)
{
	char more[16];

	snprintf(more, sizeof(more), ":%d", helper);
	return eu_probe_number(EU_PROBE_HELPER, type, more);
}

#ifndef __cplusplus
/* Keys that are kernel pointers, kept in a variable that is a pointer: it holds the number under which the whole key is remembered. */
EU_VAR uint64_t *eu_pointer_keys;
EU_VAR size_t eu_nr_pointer_keys;

EU_API const void *eu_pointer_key(const void *variable)
{
	size_t number = variable ? *(const size_t *)variable : 0;

	return variable && number <= eu_nr_pointer_keys && number ? &eu_pointer_keys[number - 1] : NULL;
}

EU_API int eu_next_pointer_key(int fd, const void *variable, void *next)
{
	uint64_t key = 0, *more;
	const void *from = eu_pointer_key(variable);
	size_t i;
	int result = bpf_map_get_next_key(fd, from, &key);

	if (result)
		return result;
	for (i = 0; i < eu_nr_pointer_keys && eu_pointer_keys[i] != key; i++)
		;
	if (i == eu_nr_pointer_keys) {
		more = (uint64_t *)realloc(eu_pointer_keys, (i + 1) * sizeof(*more));
		if (!more)
			return eu_err(-ENOMEM);
		eu_pointer_keys = more;
		more[eu_nr_pointer_keys++] = key;
	}
	*(size_t *)next = i + 1;
	return 0;
}
#define EU_BY_POINTER(type)                                                                                                                \
	static inline __attribute__((overloadable, unused)) int bpf_map_get_next_key(int fd, type *key, type *next)                         \
	{                                                                                                                                  \
		return eu_next_pointer_key(fd, key, next);                                                                                 \
	}                                                                                                                                  \
	static inline __attribute__((overloadable, unused)) int bpf_map_lookup_elem(int fd, type *key, void *value)                        \
	{                                                                                                                                  \
		return bpf_map_lookup_elem_flags(fd, eu_pointer_key(key), value, 0);                                                       \
	}                                                                                                                                  \
	static inline __attribute__((overloadable, unused)) int bpf_map_delete_elem(int fd, type *key)                                     \
	{                                                                                                                                  \
		return bpf_map_delete_elem_flags(fd, eu_pointer_key(key), 0);                                                              \
	}
EU_BY_POINTER(char *)
EU_BY_POINTER(void *)
#endif
#endif
