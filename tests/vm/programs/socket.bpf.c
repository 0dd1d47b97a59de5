#include "hits.h"

SEC("socket")
int handle(struct __sk_buff *ctx)
{
	if (ctx->len)
		hit();
	return 0;
}
