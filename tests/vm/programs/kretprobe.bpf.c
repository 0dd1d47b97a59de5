#include "hits.h"

SEC("kretprobe/security_inode_rmdir")
int BPF_KRETPROBE(handle, long result)
{
	if (!(int)result)
		hit_ours();
	return 0;
}
