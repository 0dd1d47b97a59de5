/* Asking and setting what maps and programs are. */
#ifndef EUNOMIA_ACCESSORS_H
#define EUNOMIA_ACCESSORS_H
#pragma GCC system_header
#include <eunomia/object.h>

EU_API int bpf_map__fd(const struct bpf_map *map)
{
	return map ? map->info.fd < 0 ? eu_err(-EBADF) : map->info.fd : eu_err(-EINVAL);
}

EU_API const char *bpf_map__name(const struct bpf_map *map)
{
	return map ? map->info.name : NULL;
}

#define EU_MAP_GETTER(function, member, kind)                                                                                              \
	EU_API kind function(const struct bpf_map *map)                                                                                    \
	{                                                                                                                                  \
		return (kind)map->info.member;                                                                                             \
	}
EU_MAP_GETTER(bpf_map__type, type, enum bpf_map_type)
EU_MAP_GETTER(bpf_map__key_size, key_size, __u32)
EU_MAP_GETTER(bpf_map__value_size, value_size, __u32)
EU_MAP_GETTER(bpf_map__max_entries, max_entries, __u32)
EU_MAP_GETTER(bpf_map__map_flags, map_flags, __u32)

EU_API bool bpf_map__is_internal(const struct bpf_map *map)
{
	return map->info.section[0] != '\0';
}

EU_API bool bpf_map__autocreate(const struct bpf_map *map)
{
	return map->autocreate;
}

EU_API int eu_map_set(struct bpf_map *map, int what, __u64 value, __u32 *kept)
{
	int result = map->object->is_loaded ? -EBUSY : wasm_bpf_map_set(map->object->handle, map->info.name, what, value);

	if (!result && kept)
		*kept = (__u32)value;
	return eu_refused(result);
}

EU_API int bpf_map__set_max_entries(struct bpf_map *map, __u32 nr)
{
	return eu_map_set(map, EU_MAP_MAX_ENTRIES, nr, &map->info.max_entries);
}

EU_API int bpf_map__set_type(struct bpf_map *map, enum bpf_map_type type)
{
	return eu_map_set(map, EU_MAP_TYPE, type, &map->info.type);
}

EU_API int bpf_map__set_key_size(struct bpf_map *map, __u32 size)
{
	return eu_map_set(map, EU_MAP_KEY_SIZE, size, &map->info.key_size);
}

EU_API int bpf_map__set_value_size(struct bpf_map *map, __u32 size)
{
	return eu_map_set(map, EU_MAP_VALUE_SIZE, size, &map->info.value_size);
}

EU_API int bpf_map__set_map_flags(struct bpf_map *map, __u32 flags)
{
	return eu_map_set(map, EU_MAP_FLAGS, flags, &map->info.map_flags);
}

EU_API int bpf_map__set_autocreate(struct bpf_map *map, bool autocreate)
{
	map->autocreate = autocreate;
	return eu_map_set(map, EU_MAP_AUTOCREATE, autocreate, NULL);
}

EU_API void *bpf_map__initial_value(const struct bpf_map *map, size_t *size)
{
	char *bytes = eu_initial_bytes((struct bpf_map *)map);

	if (bytes && size)
		*size = map->info.value_size;
	return bytes;
}

EU_API int bpf_map__set_initial_value(struct bpf_map *map, const void *bytes, size_t size)
{
	char *own = map->object->is_loaded ? NULL : eu_initial_bytes(map);

	if (!own || size != map->info.value_size)
		return eu_err(map->object->is_loaded ? -EBUSY : -EINVAL);
	memcpy(own, bytes, size);
	return 0;
}

EU_API int bpf_map__lookup_elem(const struct bpf_map *map, const void *key, size_t, void *value, size_t, __u64 flags)
{
	return eu_err(wasm_bpf_map_operate(map->info.fd, 1, key, value, NULL, flags));
}

EU_API int bpf_map__update_elem(const struct bpf_map *map, const void *key, size_t, const void *value, size_t, __u64 flags)
{
	return eu_err(wasm_bpf_map_operate(map->info.fd, 2, key, (void *)value, NULL, flags));
}

EU_API int bpf_map__delete_elem(const struct bpf_map *map, const void *key, size_t, __u64 flags)
{
	return eu_err(wasm_bpf_map_operate(map->info.fd, 3, key, NULL, NULL, flags));
}

EU_API int bpf_map__lookup_and_delete_elem(const struct bpf_map *map, const void *key, size_t, void *value, size_t, __u64 flags)
{
	return eu_err(wasm_bpf_map_operate(map->info.fd, 21, key, value, NULL, flags));
}

EU_API int bpf_map__get_next_key(const struct bpf_map *map, const void *key, void *next, size_t)
{
	return eu_err(wasm_bpf_map_operate(map->info.fd, 4, key, NULL, next, 0));
}

/* Not by guests: their maps and links live as long as they do. */
EU_API int bpf_map__set_pin_path(struct bpf_map *map, const char *path)
{
	return map && !path ? 0 : eu_err(-ENOTSUP);
}

EU_API const char *bpf_program__name(const struct bpf_program *program)
{
	return program->info.name;
}

EU_API const char *bpf_program__section_name(const struct bpf_program *program)
{
	return program->info.section;
}

EU_API enum bpf_prog_type bpf_program__type(const struct bpf_program *program)
{
	return (enum bpf_prog_type)program->info.type;
}

EU_API enum bpf_attach_type bpf_program__expected_attach_type(const struct bpf_program *program)
{
	return (enum bpf_attach_type)program->info.expected_attach_type;
}

EU_API size_t bpf_program__insn_cnt(const struct bpf_program *program)
{
	return program->info.instructions;
}

EU_API bool bpf_program__autoload(const struct bpf_program *program)
{
	return program->info.autoload;
}

EU_API bool bpf_program__autoattach(const struct bpf_program *program)
{
	return program->autoattach;
}

EU_API void bpf_program__set_autoattach(struct bpf_program *program, bool autoattach)
{
	program->autoattach = autoattach;
}

EU_API int eu_program_set(struct bpf_program *program, int what, __u64 value, __u32 *kept)
{
	int result = program->object->is_loaded
			     ? -EINVAL
			     : wasm_bpf_program_set(program->object->handle, program->info.name, what, value);

	if (!result)
		*kept = (__u32)value;
	return eu_refused(result);
}

EU_API int bpf_program__set_autoload(struct bpf_program *program, bool autoload)
{
	return eu_program_set(program, EU_PROGRAM_AUTOLOAD, autoload, &program->info.autoload);
}

EU_API int bpf_program__set_type(struct bpf_program *program, enum bpf_prog_type type)
{
	return eu_program_set(program, EU_PROGRAM_TYPE, type, &program->info.type);
}

EU_API int bpf_program__set_expected_attach_type(struct bpf_program *program, enum bpf_attach_type type)
{
	return eu_program_set(program, EU_PROGRAM_ATTACH_TYPE, type, &program->info.expected_attach_type);
}

/* The kernel function, or with a program's name that the object of `attach_prog_fd` stands for, its function. */
EU_API int bpf_program__set_attach_target(struct bpf_program *program, int attach_prog_fd, const char *function)
{
	if (attach_prog_fd || !function)
		return eu_err(-ENOTSUP);
	return eu_refused(wasm_bpf_program_bind(program->object->handle, program->info.name, function));
}

/* For values of maps (prog arrays, devmaps), and for bpf_prog_test_run_opts(). */
EU_API int bpf_program__fd(const struct bpf_program *program)
{
	if (!program || !program->object->is_loaded)
		return eu_err(-ENOENT);
	return eu_err(wasm_bpf_program_fd_by_name(program->object->handle, program->info.name));
}

EU_API struct bpf_program *eu_program_of(int fd)
{
	struct bpf_object *object;
	int i;

	for (object = eu_objects; object; object = object->next)
		for (i = 0; i < object->nr_programs; i++)
			if (wasm_bpf_program_fd_by_name(object->handle, object->programs[i]->info.name) == fd)
				return object->programs[i];
	return NULL;
}
#endif
