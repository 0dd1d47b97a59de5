#include "hits.h"

SEC("kprobe.multi/security_inode_rmd*")
int BPF_KPROBE(handle, struct inode *folder, struct dentry *entry)
{
	if (folder && entry)
		hit_ours();
	return 0;
}
