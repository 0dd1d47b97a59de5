/* Packet sockets: socket(), bind() and setsockopt(SO_ATTACH_BPF) put a BPF program on an interface; nothing is received by them. */
#ifndef __LINUX_IF_PACKET_H
#define __LINUX_IF_PACKET_H
#pragma GCC system_header
#include <bpf/libbpf.h>
#include <sys/socket.h>

struct sockaddr_ll {
	unsigned short sll_family;
	__be16 sll_protocol;
	int sll_ifindex;
	unsigned short sll_hatype;
	unsigned char sll_pkttype, sll_halen, sll_addr[8];
};
#define PACKET_HOST 0
#define PACKET_BROADCAST 1
#define PACKET_MULTICAST 2
#define PACKET_OTHERHOST 3
#define PACKET_OUTGOING 4
#define PACKET_LOOPBACK 5

enum { EU_SOCKET_FD = 0x2f000000, EU_SOCKETS = 16 };
struct eu_socket {
	bool is_used;
	int ifindex;
	struct bpf_link *link;
};
EU_VAR struct eu_socket eu_sockets[EU_SOCKETS];

EU_API int socket(int family, int, int)
{
	int i;

	for (i = 0; i < EU_SOCKETS && family == AF_PACKET; i++)
		if (!eu_sockets[i].is_used) {
			eu_sockets[i].is_used = true;
			return EU_SOCKET_FD + i;
		}
	errno = family == AF_PACKET ? EMFILE : EAFNOSUPPORT;
	return -1;
}

EU_API struct eu_socket *eu_socket_of(int fd)
{
	if (fd >= EU_SOCKET_FD && fd < EU_SOCKET_FD + EU_SOCKETS && eu_sockets[fd - EU_SOCKET_FD].is_used)
		return eu_sockets + (fd - EU_SOCKET_FD);
	return (struct eu_socket *)eu_null(EBADF);
}

EU_API int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	struct eu_socket *own = eu_socket_of(fd);

	if (!own || size < sizeof(struct sockaddr_ll))
		return -1;
	own->ifindex = ((const struct sockaddr_ll *)address)->sll_ifindex;
	return 0;
}

EU_API int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	struct eu_socket *own = eu_socket_of(fd);
	struct bpf_program *program;

	if (!own)
		return -1;
	if (level != SOL_SOCKET || option != SO_ATTACH_BPF || size < sizeof(int) || !own->ifindex)
		return errno = own->ifindex ? ENOPROTOOPT : ENODEV, -1;
	program = eu_program_of(*(const int *)value);
	if (!program)
		return errno = EBADF, -1;
	bpf_link__destroy(own->link);
	own->link = eu_attach_interface(program, "socket", own->ifindex);
	return own->link ? 0 : -1;
}
#endif
