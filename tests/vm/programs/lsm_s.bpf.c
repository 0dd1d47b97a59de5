#include "hits.h"

/* Our process may not remove folders; programs of this kind may sleep. */
SEC("lsm.s/inode_rmdir")
int BPF_PROG(handle, struct inode *folder, struct dentry *entry)
{
	if (!is_ours())
		return 0;
	hit();
	return -1; /* EPERM */
}
