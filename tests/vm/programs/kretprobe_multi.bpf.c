#include "hits.h"

SEC("kretprobe.multi/security_inode_rmd*")
int BPF_KRETPROBE(handle, long result)
{
	if (!(int)result)
		hit_ours();
	return 0;
}
