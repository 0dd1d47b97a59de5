// SPDX-License-Identifier: MIT
/* A plug-in as one gets them: it works for a while, then it does not. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	puts("so far, so good");
	fflush(stdout);
	usleep(300000);
	__builtin_trap();
}
