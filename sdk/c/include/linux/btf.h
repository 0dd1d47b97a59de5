/* How types are written down: the kernel's <linux/btf.h>, as its documentation has it (Documentation/bpf/btf.rst). */
#ifndef __LINUX_BTF_H__
#define __LINUX_BTF_H__
#include <linux/types.h>
#define BTF_MAGIC 0xeB9F
#define BTF_VERSION 1
#define BTF_MAX_VLEN 0xffff

struct btf_header {
	__u16 magic;
	__u8 version, flags;
	__u32 hdr_len, type_off, type_len, str_off, str_len;
};
struct btf_type {
	__u32 name_off, info;
	union {
		__u32 size, type;
	};
};
#define BTF_INFO_KIND(info) ((info) >> 24 & 0x1f)
#define BTF_INFO_VLEN(info) ((info) & 0xffff)
#define BTF_INFO_KFLAG(info) ((info) >> 31)
enum { BTF_KIND_UNKN, BTF_KIND_INT, BTF_KIND_PTR, BTF_KIND_ARRAY, BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_ENUM, BTF_KIND_FWD,
       BTF_KIND_TYPEDEF, BTF_KIND_VOLATILE, BTF_KIND_CONST, BTF_KIND_RESTRICT, BTF_KIND_FUNC, BTF_KIND_FUNC_PROTO, BTF_KIND_VAR,
       BTF_KIND_DATASEC, BTF_KIND_FLOAT, BTF_KIND_DECL_TAG, BTF_KIND_TYPE_TAG, BTF_KIND_ENUM64, NR_BTF_KINDS };
#define BTF_INT_ENCODING(value) ((value) >> 24 & 0x0f)
#define BTF_INT_OFFSET(value) ((value) >> 16 & 0xff)
#define BTF_INT_BITS(value) ((value) & 0xff)
#define BTF_INT_SIGNED 1
#define BTF_INT_CHAR 2
#define BTF_INT_BOOL 4
struct btf_enum { __u32 name_off; __s32 val; };
struct btf_enum64 { __u32 name_off, val_lo32, val_hi32; };
struct btf_array { __u32 type, index_type, nelems; };
struct btf_member { __u32 name_off, type, offset; };
#define BTF_MEMBER_BITFIELD_SIZE(value) ((value) >> 24)
#define BTF_MEMBER_BIT_OFFSET(value) ((value) & 0xffffff)
struct btf_param { __u32 name_off, type; };
struct btf_var { __u32 linkage; };
struct btf_var_secinfo { __u32 type, offset, size; };
struct btf_decl_tag { __s32 component_idx; };
#endif
