/* Skeletons: those of bpftool, and those of wasm-bpf's bpftool, as they are. */
#ifndef EUNOMIA_SKELETON_H
#define EUNOMIA_SKELETON_H
#pragma GCC system_header
#include <eunomia/attach.h>

struct bpf_map_skeleton {
	const char *name;
	struct bpf_map **map;
	void **mmaped;
	struct bpf_link **link;
};

struct bpf_prog_skeleton {
	const char *name;
	struct bpf_program **prog;
	struct bpf_link **link;
};

struct bpf_object_skeleton {
	size_t sz;
	const char *name;
	const void *data;
	size_t data_sz;
	int rodata_offset, bss_offset; /* that wasm-bpf's set; not needed */
	struct bpf_object **obj;
	int map_cnt, map_skel_sz;
	struct bpf_map_skeleton *maps;
	int prog_cnt, prog_skel_sz;
	struct bpf_prog_skeleton *progs;
	struct bpf_object *opened;
};

EU_API struct bpf_map_skeleton *eu_map_skeleton(const struct bpf_object_skeleton *s, int index)
{
	return (struct bpf_map_skeleton *)((char *)s->maps + index * s->map_skel_sz);
}

EU_API struct bpf_prog_skeleton *eu_prog_skeleton(const struct bpf_object_skeleton *s, int index)
{
	return (struct bpf_prog_skeleton *)((char *)s->progs + index * s->prog_skel_sz);
}

EU_API int bpf_object__open_skeleton(struct bpf_object_skeleton *s, const struct bpf_object_open_opts *opts)
{
	struct bpf_object_open_opts with_name = {};
	int i;

	if (opts)
		with_name = *opts;
	if (!with_name.object_name)
		with_name.object_name = s->name;
	s->opened = eu_object_open(s->data, s->data_sz, &with_name);
	if (!s->opened)
		return -errno;
	s->opened->elf = (const char *)s->data; /* a constant of the skeleton */
	s->opened->elf_size = s->data_sz;
	if (s->obj)
		*s->obj = s->opened;
	for (i = 0; i < s->map_cnt; i++) {
		struct bpf_map_skeleton *each = eu_map_skeleton(s, i);

		*each->map = bpf_object__find_map_by_name(s->opened, each->name);
		if (!*each->map) {
			eu_print(LIBBPF_WARN, "libbpf: failed to find skeleton map '%s'\n", each->name);
			return eu_err(-ESRCH);
		}
		if (each->mmaped)
			*each->mmaped = eu_initial_bytes(*each->map);
	}
	for (i = 0; i < s->prog_cnt; i++) {
		struct bpf_prog_skeleton *each = eu_prog_skeleton(s, i);

		*each->prog = bpf_object__find_program_by_name(s->opened, each->name);
		if (!*each->prog) {
			eu_print(LIBBPF_WARN, "libbpf: failed to find skeleton program '%s'\n", each->name);
			return eu_err(-ESRCH);
		}
	}
	return 0;
}

EU_API int bpf_object__load_skeleton(struct bpf_object_skeleton *s)
{
	return s->opened ? bpf_object__load(s->opened) : eu_err(-EINVAL);
}

EU_API int bpf_object__attach_skeleton(struct bpf_object_skeleton *s)
{
	int i;

	for (i = 0; i < s->prog_cnt; i++) {
		struct bpf_prog_skeleton *each = eu_prog_skeleton(s, i);
		struct bpf_program *program = *each->prog;
		struct bpf_link *link;

		if (!program->info.autoload || !program->autoattach || (each->link && *each->link) || !eu_attaches_itself(program))
			continue;
		link = bpf_program__attach(program);
		if (!link) {
			eu_print(LIBBPF_WARN, "libbpf: prog '%s': failed to auto-attach: %d\n", program->info.name, -errno);
			return -errno;
		}
		if (each->link)
			*each->link = link;
		else
			eu_forget_link(link); /* wasm-bpf's skeletons have no links: it ends with the object */
	}
	return 0;
}

EU_API void bpf_object__detach_skeleton(struct bpf_object_skeleton *s)
{
	int i;

	for (i = 0; i < s->prog_cnt; i++) {
		struct bpf_prog_skeleton *each = eu_prog_skeleton(s, i);

		if (each->link) {
			bpf_link__destroy(*each->link);
			*each->link = NULL;
		}
	}
	for (i = 0; i < s->map_cnt && s->map_skel_sz >= (int)sizeof(struct bpf_map_skeleton); i++) {
		struct bpf_map_skeleton *each = eu_map_skeleton(s, i);

		if (each->link) {
			bpf_link__destroy(*each->link);
			*each->link = NULL;
		}
	}
}

EU_API void bpf_object__destroy_skeleton(struct bpf_object_skeleton *s)
{
	if (!s)
		return;
	bpf_object__detach_skeleton(s);
	bpf_object__close(s->opened);
	free(s->maps);
	free(s->progs);
	free(s);
}
#endif
