#include "hits.h"

SEC("fentry/security_inode_rmdir")
int BPF_PROG(handle, struct inode *folder, struct dentry *entry)
{
	if (folder && entry->d_name.len >= 7)
		hit_ours();
	return 0;
}
