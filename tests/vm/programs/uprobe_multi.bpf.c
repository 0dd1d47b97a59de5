#include "hits.h"

SEC("uprobe.multi/libc.so.6:getpp?d")
int BPF_UPROBE(handle)
{
	hit_ours();
	return 0;
}
