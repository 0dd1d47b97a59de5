#include "hits.h"

SEC("cgroup_skb/ingress")
int handle(struct __sk_buff *ctx)
{
	if (ctx->len)
		hit();
	return 1;
}
