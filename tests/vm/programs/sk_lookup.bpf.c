#include "hits.h"

SEC("sk_lookup")
int handle(struct bpf_sk_lookup *ctx)
{
	if (ctx->local_port == 7300)
		hit();
	return SK_PASS;
}
