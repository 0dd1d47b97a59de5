#include "hits.h"

SEC("lwt_out")
int handle(struct __sk_buff *ctx)
{
	if (ctx->len)
		hit();
	return BPF_OK;
}
