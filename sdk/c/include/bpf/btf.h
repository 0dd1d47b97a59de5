/* What programs ask the kernel's BTF for, answered by the host's probes: whether it is there, and has a function, type or member. */
#ifndef __LIBBPF_BTF_H
#define __LIBBPF_BTF_H
#pragma GCC system_header
#include <bpf/libbpf.h>

enum { BTF_KIND_UNKN, BTF_KIND_INT, BTF_KIND_PTR, BTF_KIND_ARRAY, BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_ENUM, BTF_KIND_FWD,
       BTF_KIND_TYPEDEF, BTF_KIND_VOLATILE, BTF_KIND_CONST, BTF_KIND_RESTRICT, BTF_KIND_FUNC, BTF_KIND_FUNC_PROTO, BTF_KIND_VAR,
       BTF_KIND_DATASEC, BTF_KIND_FLOAT, BTF_KIND_DECL_TAG, BTF_KIND_TYPE_TAG, BTF_KIND_ENUM64 };

struct btf {
	char name[64]; /* "" the kernel's, else of a module */
};

EU_API struct btf *btf__load_vmlinux_btf(void)
{
	if (wasm_bpf_probe(EU_PROBE_BTF, "") <= 0)
		return (struct btf *)eu_null(ENOENT);
	return (struct btf *)calloc(1, sizeof(struct btf));
}

EU_API struct btf *btf__load_module_btf(const char *name, struct btf *)
{
	struct btf *btf = (struct btf *)calloc(1, sizeof(struct btf));

	if (btf)
		snprintf(btf->name, sizeof(btf->name), "%s", name);
	return btf;
}

EU_API void btf__free(struct btf *btf)
{
	free(btf);
}

/* A number above 0 where it is there; it says nothing else. */
EU_API __s32 btf__find_by_name_kind(const struct btf *, const char *name, __u32 kind)
{
	char typed[128];
	int what = kind == BTF_KIND_FUNC ? EU_PROBE_FENTRY : EU_PROBE_STRUCT, found;

	if (kind == BTF_KIND_TYPEDEF && !strncmp(name, "btf_trace_", 10)) {
		what = EU_PROBE_TP_BTF;
		name += 10;
	}
	snprintf(typed, sizeof(typed), "%s", name);
	found = wasm_bpf_probe(what, typed);
	return found > 0 ? 1 : eu_err(found < 0 ? found : -ENOENT);
}

EU_API __s32 btf__find_by_name(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
}
#endif
