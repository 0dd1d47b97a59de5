#include "hits.h"

SEC("cgroup_skb/egress")
int handle(struct __sk_buff *ctx)
{
	if (ctx->len)
		hit();
	return 1;
}
