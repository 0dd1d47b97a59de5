#include "hits.h"

SEC("cgroup/getsockopt")
int handle(struct bpf_sockopt *ctx)
{
	if (ctx->level == 0 && ctx->optname == 1) /* SOL_IP, IP_TOS */
		hit();
	return 1;
}
