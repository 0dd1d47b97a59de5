#include "hits.h"

SEC("kprobe/security_inode_rmdir")
int BPF_KPROBE(handle, struct inode *folder, struct dentry *entry)
{
	const unsigned char *name = BPF_CORE_READ(entry, d_name.name);
	char first = 0;

	bpf_probe_read_kernel(&first, 1, name);
	if (first == 'e')
		hit_ours();
	return 0;
}
