#include "hits.h"

SEC("perf_event")
int handle(struct bpf_perf_event_data *ctx)
{
	hit_ours();
	return 0;
}
