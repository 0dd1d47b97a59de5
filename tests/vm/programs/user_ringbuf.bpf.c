#include "hits.h"

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

static long take(struct bpf_dynptr *sample, void *context)
{
	__u32 number = 0;

	if (!bpf_dynptr_read(&number, sizeof(number), sample, 0, 0) && number == 7304)
		hit();
	return 0; /* the next one */
}

SEC("tp/syscalls/sys_enter_fsync")
int handle(void *ctx)
{
	if (is_ours())
		bpf_user_ringbuf_drain(&samples, take, NULL, 0);
	return 0;
}
