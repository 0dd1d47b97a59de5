#include "hits.h"

SEC("xdp")
int handle(struct xdp_md *ctx)
{
	if (ctx->data < ctx->data_end)
		hit();
	return XDP_PASS;
}
