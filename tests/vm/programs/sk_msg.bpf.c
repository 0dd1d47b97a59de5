#include "hits.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("sk_msg")
int handle(struct sk_msg_md *ctx)
{
	if (ctx->size)
		hit();
	return SK_PASS;
}
