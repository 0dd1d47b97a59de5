/* One netlink request and its answer; what removes a route of ours is such a message, noted before the route is made (guard.h). */
#ifndef EUNOMIA_ATTACH_ROUTE_H
#define EUNOMIA_ATTACH_ROUTE_H
#include <stddef.h>

/* 0 or -errno, of the socket or of the kernel's answer. */
int eu_netlink_ask(int sock, const void *message, size_t size);
#endif
