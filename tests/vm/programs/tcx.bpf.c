#include "hits.h"

SEC("tcx/ingress")
int handle(struct __sk_buff *ctx)
{
	if (ctx->len)
		hit();
	return -1; /* TCX_NEXT */
}
