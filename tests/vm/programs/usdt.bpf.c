#include "hits.h"
#include <bpf/usdt.bpf.h>

SEC("usdt")
int BPF_USDT(handle, int value)
{
	if (value == 7301) /* what the test sets */
		hit_ours();
	return 0;
}
