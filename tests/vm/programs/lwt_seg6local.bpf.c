#include "hits.h"

SEC("lwt_seg6local")
int handle(struct __sk_buff *ctx)
{
	if (ctx->len)
		hit();
	return BPF_OK;
}
