#include "hits.h"

SEC("kretsyscall/fsync")
int BPF_KRETPROBE(handle, long result)
{
	if ((int)result == -9) /* EBADF */
		hit_ours();
	return 0;
}
