#include "hits.h"

SEC("uretprobe/libc.so.6:getppid")
int BPF_URETPROBE(handle, long parent)
{
	if (parent > 0)
		hit_ours();
	return 0;
}
