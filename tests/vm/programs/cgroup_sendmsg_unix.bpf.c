#include "hits.h"

SEC("cgroup/sendmsg_unix")
int handle(struct bpf_sock_addr *ctx)
{
	if (ctx->family)
		hit();
	return 1;
}
