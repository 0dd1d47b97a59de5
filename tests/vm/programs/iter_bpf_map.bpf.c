#include "hits.h"

SEC("iter/bpf_map")
int handle(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (map && map->max_entries)
		BPF_SEQ_PRINTF(ctx->meta->seq, "map %d\n", map->id);
	return 0;
}
