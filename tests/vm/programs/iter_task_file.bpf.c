#include "hits.h"

SEC("iter/task_file")
int handle(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && ctx->file && task->tgid == pid)
		BPF_SEQ_PRINTF(ctx->meta->seq, "file %d\n", ctx->fd);
	return 0;
}
