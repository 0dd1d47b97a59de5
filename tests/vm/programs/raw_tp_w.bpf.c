#include "hits.h"

SEC("raw_tp.w/bpf_test_finish")
int handle(struct bpf_raw_tracepoint_args *ctx)
{
	int *result = (int *)ctx->args[0];

	*result = *result;
	hit();
	return 0;
}

/* A test run of it is what the tracepoint tells of. */
SEC("socket")
int packet(struct __sk_buff *ctx)
{
	return 0;
}
