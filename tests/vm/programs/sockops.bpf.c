#include "hits.h"

SEC("sockops")
int handle(struct bpf_sock_ops *ctx)
{
	if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		hit();
	return 1;
}
