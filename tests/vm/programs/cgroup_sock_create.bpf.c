#include "hits.h"

SEC("cgroup/sock_create")
int handle(struct bpf_sock *ctx)
{
	if (ctx->family)
		hit();
	return 1;
}
