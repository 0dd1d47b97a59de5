#include "hits.h"

SEC("cgroup/sysctl")
int handle(struct bpf_sysctl *ctx)
{
	if (!ctx->write)
		hit();
	return 1;
}
