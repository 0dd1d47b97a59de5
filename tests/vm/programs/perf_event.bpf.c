#include "hits.h"

/// @perf_event {"frequency": 99}
SEC("perf_event")
int handle(struct bpf_perf_event_data *ctx)
{
	if (ctx->sample_period)
		hit();
	return 0;
}
