/* Errors as pointers. */
#ifndef __LINUX_ERR_H
#define __LINUX_ERR_H
#pragma GCC system_header
#include <linux/types.h>
#include <stdbool.h>
#define MAX_ERRNO 4095
#define IS_ERR_VALUE(value) ((unsigned long)(value) >= (unsigned long)-MAX_ERRNO)
static inline void *ERR_PTR(int error)
{
	return (void *)(__UINTPTR_TYPE__)error;
}

static inline int PTR_ERR(const void *pointer)
{
	return (int)(__UINTPTR_TYPE__)pointer;
}

static inline bool IS_ERR(const void *pointer)
{
	return IS_ERR_VALUE(pointer);
}

static inline bool IS_ERR_OR_NULL(const void *pointer)
{
	return !pointer || IS_ERR_VALUE(pointer);
}
#endif
