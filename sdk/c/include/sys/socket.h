/* Linux's numbers of families and kinds, as events bring them from the kernel: WASI's are others. Of sockets there are packet sockets
 * alone, on which BPF programs are put (<linux/if_packet.h>). */
#pragma GCC system_header
#include_next <sys/socket.h>
#ifndef EUNOMIA_SYS_SOCKET_H
#define EUNOMIA_SYS_SOCKET_H
enum { EU_WASI_INET = AF_INET, EU_WASI_INET6 = AF_INET6 };
#undef PF_INET
#undef PF_INET6
#undef AF_UNIX
#undef SOCK_STREAM
#undef SOCK_DGRAM
#undef SOCK_NONBLOCK
#undef SOCK_CLOEXEC
#undef SOL_SOCKET
#define PF_UNIX 1
#define PF_LOCAL 1
#define PF_INET 2
#define PF_INET6 10
#define PF_NETLINK 16
#define PF_PACKET 17
#define PF_VSOCK 40
#define PF_XDP 44
#define AF_UNIX PF_UNIX
#define AF_LOCAL PF_LOCAL
#define AF_NETLINK PF_NETLINK
#define AF_PACKET PF_PACKET
#define AF_VSOCK PF_VSOCK
#define AF_XDP PF_XDP
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_SEQPACKET 5
#define SOCK_NONBLOCK 04000
#define SOCK_CLOEXEC 02000000
#define SOL_SOCKET 1
#define SO_ATTACH_BPF 50
#define SO_DETACH_BPF 27
#define SO_ATTACH_REUSEPORT_EBPF 52

static inline int eunomia_family(int family)
{
	return family == AF_INET ? EU_WASI_INET : family == AF_INET6 ? EU_WASI_INET6 : -1;
}
#endif
