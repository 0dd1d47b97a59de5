#include "hits.h"

SEC("netkit/primary")
int handle(struct __sk_buff *ctx)
{
	if (ctx->len)
		hit();
	return -1; /* NETKIT_NEXT */
}
