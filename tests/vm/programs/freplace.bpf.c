#include "hits.h"

/* A function of another program, and what takes its place. */
__noinline int replaceable(int number)
{
	volatile int result = number; /* or the compiler leaves the call out */

	return result;
}

SEC("?tp/syscalls/sys_enter_fsync")
int base(void *ctx)
{
	return replaceable(1);
}

SEC("freplace/replaceable")
int handle(int number)
{
	if (number == 1)
		hit_ours();
	return 0;
}
