/* What a type says of itself, in libbpf's names. */
#ifndef EUNOMIA_BTF_H
#define EUNOMIA_BTF_H
#pragma GCC system_header
#include <linux/btf.h>

static inline __u16 btf_kind(const struct btf_type *type)
{
	return BTF_INFO_KIND(type->info);
}

static inline __u16 btf_vlen(const struct btf_type *type)
{
	return BTF_INFO_VLEN(type->info);
}

static inline bool btf_kflag(const struct btf_type *type)
{
	return BTF_INFO_KFLAG(type->info);
}

#define EU_BTF_IS(name, number)                                                                                                            \
	static inline bool btf_is_##name(const struct btf_type *type)                                                                      \
	{                                                                                                                                  \
		return btf_kind(type) == number;                                                                                           \
	}
EU_BTF_IS(void, BTF_KIND_UNKN)
EU_BTF_IS(int, BTF_KIND_INT)
EU_BTF_IS(ptr, BTF_KIND_PTR)
EU_BTF_IS(array, BTF_KIND_ARRAY)
EU_BTF_IS(struct, BTF_KIND_STRUCT)
EU_BTF_IS(union, BTF_KIND_UNION)
EU_BTF_IS(enum, BTF_KIND_ENUM)
EU_BTF_IS(enum64, BTF_KIND_ENUM64)
EU_BTF_IS(fwd, BTF_KIND_FWD)
EU_BTF_IS(typedef, BTF_KIND_TYPEDEF)
EU_BTF_IS(volatile, BTF_KIND_VOLATILE)
EU_BTF_IS(const, BTF_KIND_CONST)
EU_BTF_IS(restrict, BTF_KIND_RESTRICT)
EU_BTF_IS(func, BTF_KIND_FUNC)
EU_BTF_IS(func_proto, BTF_KIND_FUNC_PROTO)
EU_BTF_IS(var, BTF_KIND_VAR)
EU_BTF_IS(datasec, BTF_KIND_DATASEC)
EU_BTF_IS(float, BTF_KIND_FLOAT)
EU_BTF_IS(decl_tag, BTF_KIND_DECL_TAG)
EU_BTF_IS(type_tag, BTF_KIND_TYPE_TAG)

static inline bool btf_is_composite(const struct btf_type *type)
{
	return btf_is_struct(type) || btf_is_union(type);
}

static inline bool btf_is_any_enum(const struct btf_type *type)
{
	return btf_is_enum(type) || btf_is_enum64(type);
}

static inline bool btf_is_mod(const struct btf_type *type)
{
	return btf_is_volatile(type) || btf_is_const(type) || btf_is_restrict(type) || btf_is_type_tag(type);
}

#define EU_BTF_BEHIND(name, kind)                                                                                                          \
	static inline struct kind *name(const struct btf_type *type)                                                                       \
	{                                                                                                                                  \
		return (struct kind *)(type + 1);                                                                                          \
	}
EU_BTF_BEHIND(btf_array, btf_array)
EU_BTF_BEHIND(btf_enum, btf_enum)
EU_BTF_BEHIND(btf_enum64, btf_enum64)
EU_BTF_BEHIND(btf_members, btf_member)
EU_BTF_BEHIND(btf_params, btf_param)
EU_BTF_BEHIND(btf_var, btf_var)
EU_BTF_BEHIND(btf_var_secinfos, btf_var_secinfo)
EU_BTF_BEHIND(btf_decl_tag, btf_decl_tag)

static inline __u8 btf_int_encoding(const struct btf_type *type)
{
	return BTF_INT_ENCODING(*(const __u32 *)(type + 1));
}

static inline __u8 btf_int_offset(const struct btf_type *type)
{
	return BTF_INT_OFFSET(*(const __u32 *)(type + 1));
}

static inline __u8 btf_int_bits(const struct btf_type *type)
{
	return BTF_INT_BITS(*(const __u32 *)(type + 1));
}

static inline __u64 btf_enum64_value(const struct btf_enum64 *value)
{
	return (__u64)value->val_hi32 << 32 | value->val_lo32;
}

static inline __u32 btf_member_bit_offset(const struct btf_type *type, __u32 index)
{
	__u32 offset = btf_members(type)[index].offset;

	return btf_kflag(type) ? BTF_MEMBER_BIT_OFFSET(offset) : offset;
}

static inline __u32 btf_member_bitfield_size(const struct btf_type *type, __u32 index)
{
	return btf_kflag(type) ? BTF_MEMBER_BITFIELD_SIZE(btf_members(type)[index].offset) : 0;
}
#endif
