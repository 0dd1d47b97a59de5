#include "hits.h"

SEC("iter/cgroup")
int handle(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *group = ctx->cgroup;

	if (group)
		BPF_SEQ_PRINTF(ctx->meta->seq, "group %llu\n", group->kn->id);
	return 0;
}
