#include "hits.h"

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(handle, struct socket *sock, struct sockaddr *address, int length)
{
	if (length)
		hit();
	return 1; /* allowed */
}
