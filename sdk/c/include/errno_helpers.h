/* The name of libbpf-tools' errno_helpers.h. */
#ifndef __ERRNO_HELPERS_H
#define __ERRNO_HELPERS_H
#pragma GCC system_header
#include <errno.h>
#define errno_by_name eunomia_errno_by_name
#endif
