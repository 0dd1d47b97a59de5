#include "hits.h"

SEC("cgroup/post_bind6")
int handle(struct bpf_sock *ctx)
{
	if (ctx->family)
		hit();
	return 1;
}
