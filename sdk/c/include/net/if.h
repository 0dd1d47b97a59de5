#pragma GCC system_header
#include_next <net/if.h>
#ifndef EUNOMIA_NET_IF_H
#define EUNOMIA_NET_IF_H
#include <eunomia/names.h>
#endif
