/* wasi-libc's; its sleep() does not know signals, and what guests do not have answers in the usual way. */
#pragma GCC system_header
#include_next <unistd.h>
#ifndef EUNOMIA_UNISTD_H
#define EUNOMIA_UNISTD_H
#include <eunomia/sleep.h>
#include <eunomia/process.h>
#endif
