#include "hits.h"

SEC("sk_reuseport")
int handle(struct sk_reuseport_md *ctx)
{
	if (ctx->len)
		hit();
	return SK_PASS;
}
