#include "hits.h"

SEC("cgroup/post_bind4")
int handle(struct bpf_sock *ctx)
{
	if (ctx->family)
		hit();
	return 1;
}
