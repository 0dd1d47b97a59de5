#include "hits.h"

/* Our process may not remove folders. */
SEC("fmod_ret/security_inode_rmdir")
int BPF_PROG(handle, struct inode *folder, struct dentry *entry, int result)
{
	if (!is_ours())
		return result;
	hit();
	return -1; /* EPERM */
}
