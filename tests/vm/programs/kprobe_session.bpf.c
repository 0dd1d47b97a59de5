#include "hits.h"

/* Twice: as the function begins and as it ends. */
SEC("kprobe.session/security_inode_rmd*")
int handle(struct pt_regs *ctx)
{
	hit_ours();
	return 0;
}
