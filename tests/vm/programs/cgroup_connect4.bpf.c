#include "hits.h"
#include <bpf/bpf_endian.h>

SEC("cgroup/connect4")
int handle(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(7300))
		hit();
	return 1;
}
