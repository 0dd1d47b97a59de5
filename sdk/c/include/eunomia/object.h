/* Objects, their maps and programs, and the bytes of their sections, live before and after load. */
#ifndef EUNOMIA_OBJECT_H
#define EUNOMIA_OBJECT_H
#pragma GCC system_header
#include <errno.h>
#include <eunomia/abi.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bpf_map {
	struct bpf_object *object;
	struct eu_map_info info;
	char *bytes, *before; /* of a section, page-aligned; and as they were at the last eu_sync(), where they are copies */
	bool is_live, is_copy, autocreate;
	void *context;
};

struct bpf_program {
	struct bpf_object *object;
	struct eu_program_info info;
	char target[512];
	int target_fd;
	bool autoattach;
};

struct bpf_link {
	int id; /* 0: of nothing, as for an event of a CPU that another link has */
	struct bpf_program *program;
	bool is_disconnected;
};

struct bpf_object {
	struct bpf_object *next;
	uint64_t handle;
	char *name;
	struct bpf_map **maps;
	struct bpf_program **programs;
	int nr_maps, nr_programs;
	bool is_loaded;
	const char *elf; /* its file, for bpf_object__btf() */
	size_t elf_size;
	char *own; /* that ends with it: the same */
};

EU_VAR struct bpf_object *eu_objects;	/* all that are open */
EU_VAR libbpf_print_fn_t eu_print_fn;
EU_VAR bool eu_print_is_set;

EU_API int eu_print_default(enum libbpf_print_level level, const char *format, va_list words)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, words);
}

EU_API libbpf_print_fn_t libbpf_set_print(libbpf_print_fn_t fn)
{
	libbpf_print_fn_t before = eu_print_is_set ? eu_print_fn : eu_print_default;

	eu_print_fn = fn;
	eu_print_is_set = true;
	return before;
}

EU_API void eu_print(enum libbpf_print_level level, const char *format, ...)
{
	va_list words;

	if (eu_print_is_set && !eu_print_fn)
		return;
	va_start(words, format);
	(eu_print_is_set ? eu_print_fn : eu_print_default)(level, format, words);
	va_end(words);
}

/* Libbpf's way of saying -errno: it is in errno, too. */
EU_API int eu_err(int result)
{
	if (result < 0)
		errno = -result;
	return result;
}

/* What the host said of the last failure, which it has told its user already. */
EU_API int eu_refused(int result)
{
	char text[2048];

	if (result < 0 && wasm_bpf_error(text, sizeof(text)) > 0)
		eu_print(LIBBPF_DEBUG, "libbpf: %s\n", text);
	return eu_err(result);
}

EU_API void *eu_null(int error)
{
	errno = error;
	return NULL;
}

/* Before and after the host waits: signals are delivered, copies of sections brought up to date. */
EU_API void eu_pause_point(void)
{
	if (eu_signal_hook)
		eu_signal_hook();
	if (eu_sync_hook)
		eu_sync_hook();
}

/* Where the host cannot map: what the guest wrote goes to the kernel, the rest comes from there. */
EU_API void eu_sync_map(struct bpf_map *map)
{
	size_t size = map->info.value_size, i;
	char *now = (char *)malloc(size);
	uint32_t key = 0;
	bool wrote = false;

	if (now && !wasm_bpf_map_operate(map->info.fd, 1, &key, now, NULL, 0)) {
		for (i = 0; i < size; i++) {
			if (map->bytes[i] != map->before[i])
				wrote = true;
			else
				map->bytes[i] = now[i];
			map->before[i] = map->bytes[i];
		}
		if (wrote)
			wasm_bpf_map_operate(map->info.fd, 2, &key, map->bytes, NULL, 0);
	}
	free(now);
}

EU_API void eu_sync(void)
{
	struct bpf_object *object;
	int i;

	for (object = eu_objects; object; object = object->next)
		for (i = 0; i < object->nr_maps; i++)
			if (object->maps[i]->is_copy)
				eu_sync_map(object->maps[i]);
}

EU_API size_t eu_pages(size_t size)
{
	return (size + 4095) / 4096 * 4096;
}

/* The bytes of a section's map before load; NULL for other maps. */
EU_API char *eu_initial_bytes(struct bpf_map *map)
{
	if (map->bytes || !map->info.section[0] || map->object->is_loaded)
		return map->bytes;
	map->bytes = (char *)aligned_alloc(4096, eu_pages(map->info.value_size));
	if (!map->bytes)
		return NULL;
	memset(map->bytes, 0, eu_pages(map->info.value_size));
	if (wasm_bpf_map_initial(map->object->handle, map->info.name, 0, map->bytes, (int)map->info.value_size, 0) < 0) {
		free(map->bytes);
		map->bytes = NULL;
	}
	return map->bytes;
}

EU_API void eu_make_live(struct bpf_map *map)
{
	size_t size = map->info.value_size;
	uint32_t zero = 0;

	if (!map->bytes || !strncmp(map->info.section, ".rodata", 7) || map->info.fd < 0)
		return;
	if (!strncmp(map->info.section, ".kconfig", 8)) { /* its values are found at load, and stay */
		wasm_bpf_map_operate(map->info.fd, 1, &zero, map->bytes, NULL, 0);
		return;
	}
	map->is_live = wasm_bpf_map_mmap(map->info.fd, map->bytes, (int)eu_pages(size)) == 0;
	if (map->is_live)
		return;
	map->before = (char *)malloc(size);
	map->is_copy = map->before != NULL;
	if (map->is_copy) {
		memcpy(map->before, map->bytes, size);
		eu_sync_hook = eu_sync;
	}
}

EU_API void bpf_object__close(struct bpf_object *object)
{
	struct bpf_object **place = &eu_objects;
	int i;

	if (!object)
		return;
	while (*place && *place != object)
		place = &(*place)->next;
	if (*place)
		*place = object->next;
	for (i = 0; i < object->nr_maps; i++) {
		struct bpf_map *map = object->maps[i];

		if (map->is_live)
			wasm_bpf_map_munmap(map->bytes, (int)eu_pages(map->info.value_size));
		free(map->bytes);
		free(map->before);
		free(map);
	}
	for (i = 0; i < object->nr_programs; i++)
		free(object->programs[i]);
	if (object->handle)
		wasm_close_bpf_object(object->handle);
	free(object->maps);
	free(object->programs);
	free(object->name);
	free(object->own);
	free(object);
}

EU_API int eu_read_maps(struct bpf_object *object)
{
	struct eu_map_info info;
	int i;

	for (i = 0; wasm_bpf_map_info(object->handle, i, &info, sizeof(info)) > 0; i++) {
		void *more = realloc(object->maps, (i + 1) * sizeof(*object->maps));

		if (!more)
			return -ENOMEM;
		object->maps = (struct bpf_map **)more;
		object->maps[i] = (struct bpf_map *)calloc(1, sizeof(struct bpf_map));
		if (!object->maps[i])
			return -ENOMEM;
		object->maps[i]->object = object;
		object->maps[i]->info = info;
		object->maps[i]->autocreate = true;
		object->nr_maps = i + 1;
	}
	return 0;
}

EU_API int eu_read_programs(struct bpf_object *object)
{
	struct eu_program_info info;
	int i;

	for (i = 0; wasm_bpf_program_info(object->handle, i, &info, sizeof(info)) > 0; i++) {
		void *more = realloc(object->programs, (i + 1) * sizeof(*object->programs));

		if (!more)
			return -ENOMEM;
		object->programs = (struct bpf_program **)more;
		object->programs[i] = (struct bpf_program *)calloc(1, sizeof(struct bpf_program));
		if (!object->programs[i])
			return -ENOMEM;
		object->programs[i]->object = object;
		object->programs[i]->info = info;
		object->programs[i]->autoattach = true;
		object->programs[i]->target_fd = -1;
		object->nr_programs = i + 1;
	}
	return 0;
}

/* The bytes stay where they are: whoever has them says so in elf or own. */
EU_API struct bpf_object *eu_object_open(const void *elf, size_t size, const struct bpf_object_open_opts *opts)
{
	struct bpf_object *object = (struct bpf_object *)calloc(1, sizeof(*object));
	const char *name = opts && opts->object_name ? opts->object_name : NULL;

	if (!object)
		return (struct bpf_object *)eu_null(ENOMEM);
	object->handle = wasm_bpf_object_open(elf, (int)size, name);
	object->name = strdup(name ? name : "object");
	if (!object->handle || eu_read_maps(object) || eu_read_programs(object)) {
		eu_refused(-EINVAL);
		bpf_object__close(object);
		return (struct bpf_object *)eu_null(EINVAL);
	}
	object->next = eu_objects;
	eu_objects = object;
	return object;
}

EU_API struct bpf_object *eu_object_keep(struct bpf_object *object, char *own, size_t size)
{
	if (!object) {
		free(own);
		return NULL;
	}
	object->elf = object->own = own;
	object->elf_size = own ? size : 0;
	return object;
}

EU_API struct bpf_object *bpf_object__open_mem(const void *elf, size_t size, const struct bpf_object_open_opts *opts)
{
	struct bpf_object *object = eu_object_open(elf, size, opts);
	char *own = object ? (char *)malloc(size) : NULL;

	return eu_object_keep(object, own ? (char *)memcpy(own, elf, size) : NULL, size);
}

/* A file below one of the directories that the host opened for the guest (--dir). */
EU_API struct bpf_object *bpf_object__open_file(const char *path, const struct bpf_object_open_opts *opts)
{
	struct bpf_object_open_opts with_name = {};
	struct bpf_object *object = NULL;
	char name[64], *bytes = NULL, *dot;
	const char *base = strrchr(path, '/');
	FILE *file = fopen(path, "rb");
	long size;

	if (!file)
		return (struct bpf_object *)eu_null(errno ? errno : ENOENT);
	snprintf(name, sizeof(name), "%s", base ? base + 1 : path);
	dot = strchr(name, '.');
	if (dot)
		*dot = '\0';
	if (opts)
		with_name = *opts;
	if (!with_name.object_name)
		with_name.object_name = name;
	if (!fseek(file, 0, SEEK_END) && (size = ftell(file)) > 0 && !fseek(file, 0, SEEK_SET) && (bytes = (char *)malloc(size)) &&
	    fread(bytes, 1, size, file) == (size_t)size)
		object = eu_object_open(bytes, size, &with_name);
	else
		errno = EIO;
	fclose(file);
	return eu_object_keep(object, bytes, size);
}

EU_API struct bpf_object *bpf_object__open(const char *path)
{
	return bpf_object__open_file(path, NULL);
}

EU_API int bpf_object__load(struct bpf_object *object)
{
	int i, result = 0;

	if (!object || object->is_loaded)
		return eu_err(-EINVAL);
	for (i = 0; i < object->nr_maps && result >= 0; i++)
		if (object->maps[i]->bytes)
			result = wasm_bpf_map_initial(object->handle, object->maps[i]->info.name, 0, object->maps[i]->bytes,
						      (int)object->maps[i]->info.value_size, 1);
	if (result >= 0)
		result = wasm_bpf_object_load(object->handle);
	if (result < 0)
		return eu_refused(result);
	object->is_loaded = true;
	for (i = 0; i < object->nr_maps; i++) {
		wasm_bpf_map_info(object->handle, i, &object->maps[i]->info, sizeof(struct eu_map_info));
		eu_make_live(object->maps[i]);
	}
	return 0;
}

EU_API const char *bpf_object__name(const struct bpf_object *object)
{
	return object ? object->name : NULL;
}

EU_API struct bpf_map *bpf_object__next_map(const struct bpf_object *object, const struct bpf_map *map)
{
	int i = 0;

	if (map)
		while (i < object->nr_maps && object->maps[i++] != map)
			;
	return i < object->nr_maps ? object->maps[i] : NULL;
}

EU_API struct bpf_program *bpf_object__next_program(const struct bpf_object *object, struct bpf_program *program)
{
	int i = 0;

	if (program)
		while (i < object->nr_programs && object->programs[i++] != program)
			;
	return i < object->nr_programs ? object->programs[i] : NULL;
}

/* By its whole name, or a section's map by the section alone (".bss"). */
EU_API struct bpf_map *bpf_object__find_map_by_name(const struct bpf_object *object, const char *name)
{
	int i;

	for (i = 0; i < object->nr_maps; i++)
		if (!strcmp(object->maps[i]->info.name, name) || (*name == '.' && !strcmp(object->maps[i]->info.section, name)))
			return object->maps[i];
	return (struct bpf_map *)eu_null(ENOENT);
}

EU_API struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *object, const char *name)
{
	int i;

	for (i = 0; i < object->nr_programs; i++)
		if (!strcmp(object->programs[i]->info.name, name))
			return object->programs[i];
	return (struct bpf_program *)eu_null(ENOENT);
}

EU_API int bpf_object__find_map_fd_by_name(const struct bpf_object *object, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	return map ? map->info.fd : -ENOENT;
}
#endif
