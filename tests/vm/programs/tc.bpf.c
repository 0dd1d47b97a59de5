#include "hits.h"

SEC("tc")
int handle(struct __sk_buff *ctx)
{
	if (ctx->len)
		hit();
	return -1; /* TC_ACT_UNSPEC: the next filter decides */
}
