#include "hits.h"

SEC("uretprobe.multi/libc.so.6:getpp?d")
int BPF_URETPROBE(handle, long parent)
{
	if (parent > 0)
		hit_ours();
	return 0;
}
