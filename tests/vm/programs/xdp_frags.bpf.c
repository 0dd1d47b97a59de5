#include "hits.h"

SEC("xdp.frags")
int handle(struct xdp_md *ctx)
{
	if (ctx->data < ctx->data_end)
		hit();
	return XDP_PASS;
}
