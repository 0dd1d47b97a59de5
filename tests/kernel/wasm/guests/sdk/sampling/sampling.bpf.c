#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

long samples;

SEC("perf_event")
int sample(void *ctx)
{
	__sync_fetch_and_add(&samples, 1);
	return 0;
}
