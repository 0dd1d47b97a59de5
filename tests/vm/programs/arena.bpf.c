#include "hits.h"

/* Memory that the program and user space share. */
struct {
	__uint(type, 33); /* BPF_MAP_TYPE_ARENA, 6.9 */
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4); /* pages */
} arena SEC(".maps");

__u64 fsyncs SEC(".addr_space.1") = 5;

SEC("tp/syscalls/sys_enter_fsync")
int handle(void *ctx)
{
	if (!is_ours())
		return 0;
	register __u64 *shared asm("r1") = &fsyncs;
	/* r1 = addr_space_cast(r1, 0, 1): compilers that know address spaces (clang 19) write it themselves; this does with any. */
	asm volatile(".byte 0xbf, 0x11; .short 1; .long 1" : "+r"(shared));
	*shared += 1;
	hit();
	return 0;
}
