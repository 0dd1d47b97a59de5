#include "hits.h"

SEC("raw_tp/sched_process_fork")
int handle(struct bpf_raw_tracepoint_args *ctx)
{
	if (ctx->args[0] && ctx->args[1])
		hit_ours();
	return 0;
}
