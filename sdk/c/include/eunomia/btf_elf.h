/* The types of an ELF file of 64 bits: its section .BTF. */
#ifndef EUNOMIA_BTF_ELF_H
#define EUNOMIA_BTF_ELF_H
#pragma GCC system_header
#include <eunomia/btf_read.h>
#include <eunomia/object.h>

struct btf_ext;
struct eu_elf_section { /* Elf64_Shdr */
	__u32 name, type;
	__u64 flags, address, offset, size;
	__u32 link, info;
	__u64 align, entry_size;
};

/* Where a section's bytes are, or NULL: where it is not, or not whole. */
EU_API const char *eu_elf_section(const char *elf, size_t size, const char *name, size_t *length)
{
	struct eu_elf_section strings, section;
	__u64 table;
	__u16 each, count, names, i;

	if (size < 64 || memcmp(elf, "\177ELF\2\1", 6))
		return NULL;
	memcpy(&table, elf + 40, sizeof(table));
	memcpy(&each, elf + 58, sizeof(each));
	memcpy(&count, elf + 60, sizeof(count));
	memcpy(&names, elf + 62, sizeof(names));
	if (each != sizeof(section) || table > size || (size - table) / each < count || names >= count)
		return NULL;
	memcpy(&strings, elf + table + names * each, sizeof(strings));
	if (strings.offset > size || strings.size > size - strings.offset)
		return NULL;
	for (i = 0; i < count; i++) {
		size_t whole = strlen(name) + 1;

		memcpy(&section, elf + table + i * each, sizeof(section));
		if (section.name > strings.size || strings.size - section.name < whole ||
		    memcmp(elf + strings.offset + section.name, name, whole))
			continue;
		if (section.type == 8 /* SHT_NOBITS */ || section.offset > size || section.size > size - section.offset)
			return NULL;
		*length = (size_t)section.size;
		return elf + section.offset;
	}
	return NULL;
}

EU_API struct btf *eu_btf_of_elf(const char *elf, size_t size)
{
	size_t length = 0;
	const char *bytes = eu_elf_section(elf, size, ".BTF", &length);

	return bytes ? btf__new(bytes, (__u32)length) : (struct btf *)eu_null(ENODATA);
}

/* Of an object that is open; it ends with it. A guest that closes objects frees those of closed ones when it asks for the next. */
struct eu_object_btf {
	struct eu_object_btf *next;
	uint64_t handle;
	struct btf *btf;
};
EU_VAR struct eu_object_btf *eu_object_btfs;

EU_API bool eu_is_open(uint64_t handle)
{
	struct bpf_object *object = eu_objects;

	while (object && object->handle != handle)
		object = object->next;
	return object != NULL;
}

EU_API struct btf *bpf_object__btf(const struct bpf_object *object)
{
	struct eu_object_btf **at = &eu_object_btfs, *own;

	while ((own = *at) && own->handle != object->handle) {
		if (eu_is_open(own->handle)) {
			at = &own->next;
			continue;
		}
		*at = own->next;
		btf__free(own->btf);
		free(own);
	}
	if (own || !object->elf)
		return own ? own->btf : (struct btf *)eu_null(ENODATA);
	own = (struct eu_object_btf *)calloc(1, sizeof(*own));
	if (!own)
		return (struct btf *)eu_null(ENOMEM);
	own->handle = object->handle;
	own->btf = eu_btf_of_elf(object->elf, object->elf_size);
	if (!own->btf) {
		free(own);
		return NULL;
	}
	own->next = eu_object_btfs;
	return (eu_object_btfs = own)->btf;
}
#endif
