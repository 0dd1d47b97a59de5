/* Types of the kernel and of files. The kernel's own are read where the host shows them (--dir /sys/kernel/btf); without that its
 * probes still answer whether a function, tracepoint or structure is there. */
#ifndef __LIBBPF_BTF_H
#define __LIBBPF_BTF_H
#pragma GCC system_header
#include <bpf/libbpf.h>
#include <linux/btf.h>
#include <stdlib.h>

struct btf {
	char path[128]; /* of what is not read yet */
	char *bytes;
	const struct btf_type **types; /* from the base's last on */
	const char *strings;
	__u32 nr_types, strings_size;
	const struct btf *base;
	bool is_tried, is_kernel;
};
#include <eunomia/btf.h>
#include <eunomia/btf_read.h>
#include <eunomia/btf_elf.h>

EU_API struct btf *btf__load_vmlinux_btf(void)
{
	if (wasm_bpf_probe(EU_PROBE_BTF, "") <= 0)
		return (struct btf *)eu_null(ENOENT);
	return eu_btf_open("/sys/kernel/btf/vmlinux", NULL, true);
}
#define libbpf_find_kernel_btf btf__load_vmlinux_btf

EU_API struct btf *btf__load_module_btf(const char *name, struct btf *base)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", name);
	return eu_btf_open(path, base, true);
}

/* A file of raw BTF, as those of /sys/kernel/btf. */
EU_API struct btf *btf__parse_raw_split(const char *path, struct btf *base)
{
	struct btf *btf = eu_btf_open(path, base, !strncmp(path, "/sys/kernel/btf/", 16));
	int result = btf && !btf->is_kernel ? eu_btf_read(btf) : 0;

	if (!result)
		return btf;
	btf__free(btf);
	return (struct btf *)eu_null(-result);
}
#define btf__parse_raw(path) btf__parse_raw_split(path, NULL)

/* Of an ELF file; no .BTF.ext is read. */
EU_API struct btf *btf__parse_elf(const char *path, struct btf_ext **ext)
{
	struct btf *file = eu_btf_open(path, NULL, false), *btf = NULL;
	int64_t size = file ? eu_btf_slurp(file) : -ENOMEM;

	if (ext)
		*ext = NULL;
	if (size < 0)
		errno = (int)-size;
	else
		btf = eu_btf_of_elf(file->bytes, (size_t)size);
	btf__free(file);
	return btf;
}

/* Either of them. */
EU_API struct btf *btf__parse(const char *path, struct btf_ext **ext)
{
	struct btf *btf = btf__parse_raw(path);

	return btf || errno == ENOENT ? btf : btf__parse_elf(path, ext);
}

EU_API struct btf *btf__parse_split(const char *path, struct btf *base)
{
	return base ? btf__parse_raw_split(path, base) : btf__parse(path, NULL);
}

static inline void btf_ext__free(struct btf_ext *ext)
{
	(void)ext;
}

/* Where the types cannot be read: 1 where the probes say that it is there. */
EU_API int eu_btf_probe(const char *name, __u32 kind)
{
	char typed[128];
	int what = kind == BTF_KIND_FUNC ? EU_PROBE_FENTRY : EU_PROBE_STRUCT, found;

	if (kind == BTF_KIND_TYPEDEF && !strncmp(name, "btf_trace_", 10)) {
		what = EU_PROBE_TP_BTF;
		name += 10;
	} else if (kind != BTF_KIND_FUNC && kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION) {
		return -ENOENT;
	}
	snprintf(typed, sizeof(typed), "%s", name);
	found = wasm_bpf_probe(what, typed);
	return found > 0 ? 1 : found < 0 ? found : -ENOENT;
}

EU_API __s32 btf__find_by_name_kind(const struct btf *btf, const char *name, __u32 kind)
{
	__u32 id, count = btf__type_cnt(btf);

	if (count <= 1)
		return eu_err(btf && btf->is_kernel ? eu_btf_probe(name, kind) : -ENOENT);
	for (id = 1; id < count; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);

		if ((!kind || btf_kind(type) == kind) && !strcmp(btf__name_by_offset(btf, type->name_off), name))
			return (__s32)id;
	}
	return eu_err(-ENOENT);
}

EU_API __s32 btf__find_by_name(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, btf__type_cnt(btf) > 1 ? BTF_KIND_UNKN : BTF_KIND_STRUCT);
}

EU_API int libbpf_find_vmlinux_btf_id(const char *name, enum bpf_attach_type)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);

	btf__free(btf);
	return id;
}
#endif
