#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} rb SEC(".maps");

SEC("socket")
int socket_handler(struct __sk_buff *skb)
{
	__u32 *length = bpf_ringbuf_reserve(&rb, sizeof(*length), 0);

	if (!length)
		return 0;
	*length = skb->len;
	bpf_ringbuf_submit(length, 0);
	return skb->len;
}
