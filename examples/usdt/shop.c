// SPDX-License-Identifier: MIT
/* The program that is watched. A probe is one nop as long as nobody watches it. */
#include <stdlib.h>
#include <sys/sdt.h>

int main(int argc, char **argv)
{
	unsigned long number = 100;

	for (int i = 1; i + 1 < argc; i += 2, number++) {
		const char *item = argv[i];
		int price = atoi(argv[i + 1]);

		DTRACE_PROBE3(shop, order, number, price, item);
	}
	return 0;
}
