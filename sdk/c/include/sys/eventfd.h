#pragma GCC system_header
#include_next <sys/eventfd.h>
#ifndef EUNOMIA_SYS_EVENTFD_H
#define EUNOMIA_SYS_EVENTFD_H
#include <eunomia/process.h>
#endif
