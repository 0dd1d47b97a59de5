// SPDX-License-Identifier: MIT
/* The program that is watched. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) int sell(const char *item, int amount)
{
	printf("%d %s sold\n", amount, item);
	return amount * 3;
}

int main(int argc, char **argv)
{
	int sum = 0;

	for (int i = 1; i + 1 < argc; i += 2)
		sum += sell(argv[i], atoi(argv[i + 1]));
	return sum == 0;
}
