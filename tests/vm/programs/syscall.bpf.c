#include "hits.h"

struct question {
	__u32 number, answer;
};

SEC("syscall")
int handle(struct question *ctx)
{
	ctx->answer = ctx->number * 2;
	hit();
	return 0;
}
