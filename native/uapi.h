/* Numbers of include/uapi/linux/bpf.h that are newer than the headers of Debian 12 (6.1); enums there, so not to be told by #ifdef. */
#ifndef EUNOMIA_UAPI_H
#define EUNOMIA_UAPI_H

/* asm-generic/socket.h; C libraries have them later than kernels. */
#ifndef SO_ATTACH_REUSEPORT_EBPF
#define SO_ATTACH_REUSEPORT_EBPF 52
#endif
#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

enum {
    EU_MAP_TYPE_CGRP_STORAGE = 32, /* 6.2 */
    EU_MAP_TYPE_ARENA = 33,        /* 6.9 */
    EU_PROG_TYPE_NETFILTER = 32,   /* 6.4 */
    EU_ATTACH_NETFILTER = 45,
    EU_ATTACH_TCX_INGRESS = 46, /* 6.6 */
    EU_ATTACH_TCX_EGRESS = 47,
    EU_ATTACH_UPROBE_MULTI = 48,
    EU_ATTACH_NETKIT_PRIMARY = 54, /* 6.7 */
    EU_ATTACH_NETKIT_PEER = 55,
    EU_ATTACH_KPROBE_SESSION = 56, /* 6.10 */
    EU_ATTACH_UPROBE_SESSION = 57, /* 6.13 */
    EU_F_BEFORE = 1 << 3,
    EU_F_LINK = 1 << 13, /* of struct_ops maps, 6.4 */
    EU_F_NETFILTER_IP_DEFRAG = 1 << 0,
};
#endif
