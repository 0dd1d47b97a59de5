/* The kernel's names of integers. */
#ifndef _LINUX_TYPES_H
#define _LINUX_TYPES_H
#include <stddef.h>
typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __le16, __be16, __sum16;
typedef __u32 __le32, __be32, __wsum;
typedef __u64 __le64, __be64;
#define __bitwise
#define __force
#define __aligned_u64 __u64 __attribute__((aligned(8)))
#endif
