#include "hits.h"

SEC("fexit/security_inode_rmdir")
int BPF_PROG(handle, struct inode *folder, struct dentry *entry, int result)
{
	if (!result)
		hit_ours();
	return 0;
}
