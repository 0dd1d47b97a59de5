#include "hits.h"

struct alarm {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct alarm);
} alarms SEC(".maps");

static int ring(void *map, int *key, struct alarm *alarm)
{
	hit();
	return 0;
}

SEC("tc")
int handle(struct __sk_buff *ctx)
{
	__u32 key = 0;
	struct alarm *alarm = bpf_map_lookup_elem(&alarms, &key);

	if (!alarm)
		return 0;
	long err = bpf_timer_init(&alarm->timer, &alarms, 1); /* CLOCK_MONOTONIC */
	if (!err)
		err = bpf_timer_set_callback(&alarm->timer, ring);
	if (!err)
		err = bpf_timer_start(&alarm->timer, 1000000, 0);
	return -err;
}
