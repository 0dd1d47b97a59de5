/* BTF from bytes to types by number. Types and strings behind those of a base go on with its numbers. */
#ifndef EUNOMIA_BTF_READ_H
#define EUNOMIA_BTF_READ_H
#pragma GCC system_header
#include <eunomia/btf.h>

EU_API void btf__free(struct btf *btf)
{
	if (btf && btf != (struct btf *)-1) {
		free(btf->bytes);
		free(btf->types);
		free(btf);
	}
}

EU_API struct btf *eu_btf_open(const char *path, struct btf *base, bool is_kernel)
{
	struct btf *btf = (struct btf *)calloc(1, sizeof(*btf));

	if (!btf)
		return (struct btf *)eu_null(ENOMEM);
	snprintf(btf->path, sizeof(btf->path), "%s", path);
	btf->base = base;
	btf->is_kernel = is_kernel;
	return btf;
}

/* Bytes behind a type of this kind and length. */
EU_API size_t eu_btf_tail(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return (size_t)btf_vlen(type) * 12;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return (size_t)btf_vlen(type) * 8;
	default:
		return 0;
	}
}

/* Number the types of `bytes`, which are kept. */
EU_API int eu_btf_index(struct btf *btf, size_t size)
{
	const struct btf_header *header = (const struct btf_header *)btf->bytes;
	const char *at, *end;
	__u32 room = 0;

	if (size < sizeof(*header) || header->magic != BTF_MAGIC || header->hdr_len > size || header->type_off % 4 || header->hdr_len % 4)
		return -EINVAL;
	size -= header->hdr_len;
	if (header->type_off > size || header->type_len > size - header->type_off || header->str_off > size || !header->str_len ||
	    header->str_len > size - header->str_off)
		return -EINVAL;
	btf->strings = btf->bytes + header->hdr_len + header->str_off;
	btf->strings_size = header->str_len;
	if (btf->strings[header->str_len - 1])
		return -EINVAL;
	at = btf->bytes + header->hdr_len + header->type_off;
	end = at + header->type_len;
	while ((size_t)(end - at) >= sizeof(struct btf_type)) {
		const struct btf_type *type = (const struct btf_type *)at;
		size_t whole = sizeof(*type) + eu_btf_tail(type);

		if (whole > (size_t)(end - at))
			break;
		if (btf->nr_types == room) {
			void *more = realloc(btf->types, (room = room ? room * 2 : 1024) * sizeof(*btf->types));

			if (!more)
				return -ENOMEM;
			btf->types = (const struct btf_type **)more;
		}
		btf->types[btf->nr_types++] = type;
		at += whole;
	}
	return 0;
}

/* The whole of its file into `bytes`: how long it is. */
EU_API int64_t eu_btf_slurp(struct btf *btf)
{
	FILE *file = btf->is_tried ? NULL : fopen(btf->path, "rb");
	size_t size = 0, now = 1, room = 0;
	int64_t result = file ? 0 : -ENOENT;

	btf->is_tried = true;
	while (file && now) {
		if (size == room) {
			char *more = (char *)realloc(btf->bytes, room = room ? room * 2 : 1 << 16);

			if (!more) {
				result = -ENOMEM;
				break;
			}
			btf->bytes = more;
		}
		now = fread(btf->bytes + size, 1, room - size, file);
		size += now;
	}
	if (file)
		fclose(file);
	return result ? result : (int64_t)size;
}

EU_API int eu_btf_read(struct btf *btf)
{
	int64_t size = eu_btf_slurp(btf);
	int result = size < 0 ? (int)size : eu_btf_index(btf, (size_t)size);

	if (result)
		btf->nr_types = 0;
	return result;
}

EU_API struct btf *btf__new(const void *bytes, __u32 size)
{
	struct btf *btf = eu_btf_open("", NULL, false);

	if (!btf)
		return NULL;
	btf->is_tried = true;
	btf->bytes = (char *)malloc(size + 1);
	if (btf->bytes)
		memcpy(btf->bytes, bytes, size);
	if (btf->bytes && !eu_btf_index(btf, size))
		return btf;
	btf__free(btf);
	return (struct btf *)eu_null(EINVAL);
}

/* How many, with void and the base's; 1: they cannot be read. */
EU_API __u32 btf__type_cnt(const struct btf *btf)
{
	if (!btf)
		return 1;
	if (!btf->is_tried)
		eu_btf_read((struct btf *)btf);
	return (btf->base ? btf__type_cnt(btf->base) : 1) + btf->nr_types;
}

EU_API const struct btf_type *btf__type_by_id(const struct btf *btf, __u32 id)
{
	static const struct btf_type nothing = {};
	__u32 first;

	if (!id)
		return &nothing;
	if (!btf || id >= btf__type_cnt(btf))
		return (const struct btf_type *)eu_null(EINVAL);
	first = btf->base ? btf__type_cnt(btf->base) : 1;
	return id < first ? btf__type_by_id(btf->base, id) : btf->types[id - first];
}

EU_API __u32 eu_btf_strings(const struct btf *btf)
{
	return btf ? eu_btf_strings(btf->base) + btf->strings_size : 0;
}

EU_API const char *btf__str_by_offset(const struct btf *btf, __u32 offset)
{
	__u32 first = btf ? eu_btf_strings(btf->base) : 0;

	if (!btf || offset >= first + btf->strings_size)
		return (const char *)eu_null(EINVAL);
	return offset < first ? btf__str_by_offset(btf->base, offset) : btf->strings + (offset - first);
}

EU_API const char *btf__name_by_offset(const struct btf *btf, __u32 offset)
{
	return btf__str_by_offset(btf, offset);
}

EU_API int btf__resolve_type(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);
	int depth;

	for (depth = 0; type && depth < 32 && (btf_is_mod(type) || btf_is_typedef(type) || btf_is_var(type)); depth++)
		type = btf__type_by_id(btf, id = type->type);
	return type && depth < 32 ? (int)id : eu_err(-EINVAL);
}

/* In bytes, of the kernel's machine. */
EU_API __s64 btf__resolve_size(const struct btf *btf, __u32 id)
{
	__s64 count = 1;
	int depth;

	for (depth = 0; depth < 32; depth++) {
		int resolved = btf__resolve_type(btf, id);
		const struct btf_type *type = resolved < 0 ? NULL : btf__type_by_id(btf, (__u32)resolved);

		if (!type)
			break;
		switch (btf_kind(type)) {
		case BTF_KIND_INT:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_DATASEC:
		case BTF_KIND_FLOAT:
			return count * type->size;
		case BTF_KIND_PTR:
			return count * 8;
		case BTF_KIND_ARRAY:
			count *= btf_array(type)->nelems;
			id = btf_array(type)->type;
			continue;
		}
		break;
	}
	return eu_err(-EINVAL);
}

static inline size_t btf__pointer_size(const struct btf *btf)
{
	(void)btf;
	return 8;
}
#endif
