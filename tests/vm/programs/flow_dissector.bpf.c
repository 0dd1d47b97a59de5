#include "hits.h"

SEC("flow_dissector")
int handle(struct __sk_buff *ctx)
{
	if (ctx->data < ctx->data_end)
		hit();
	return BPF_OK;
}
