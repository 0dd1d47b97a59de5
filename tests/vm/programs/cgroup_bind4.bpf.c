#include "hits.h"

SEC("cgroup/bind4")
int handle(struct bpf_sock_addr *ctx)
{
	if (ctx->family)
		hit();
	return 1;
}
