#include "hits.h"

SEC("cgroup/sock_release")
int handle(struct bpf_sock *ctx)
{
	if (ctx->family)
		hit();
	return 1;
}
