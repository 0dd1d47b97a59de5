#include "hits.h"

SEC("cgroup/dev")
int handle(struct bpf_cgroup_dev_ctx *ctx)
{
	if (ctx->major == 1 && ctx->minor == 3) /* /dev/null */
		hit();
	return 1;
}
