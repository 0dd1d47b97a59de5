#include "hits.h"

SEC("netfilter")
int handle(struct bpf_nf_ctx *ctx)
{
	if (ctx->skb)
		hit();
	return 1; /* NF_ACCEPT */
}
