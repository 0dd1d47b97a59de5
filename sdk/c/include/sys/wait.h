#pragma GCC system_header
#include_next <sys/wait.h>
#ifndef EUNOMIA_SYS_WAIT_H
#define EUNOMIA_SYS_WAIT_H
#include <eunomia/process.h>
#endif
