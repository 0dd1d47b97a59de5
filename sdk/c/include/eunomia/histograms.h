/* Histograms as bcc's tools draw them. */
#ifndef EUNOMIA_HISTOGRAMS_H
#define EUNOMIA_HISTOGRAMS_H
#pragma GCC system_header
#include <eunomia/base.h>
#include <stdio.h>

EU_API void eu_stars(unsigned value, unsigned most, int width)
{
	int stars = most ? (int)((eu_ulong)(value < most ? value : most) * width / most) : 0, i;

	for (i = 0; i < width; i++)
		putchar(i < stars ? '*' : ' ');
	puts(value > most ? "+|" : "|");
}

/* vals[i] is the count of 2^i to 2^(i+1) - 1, the first of 0 and 1. */
EU_API void print_log2_hist(unsigned *vals, int size, const char *type)
{
	int last = -1, i, digits, width;
	unsigned most = 0;

	for (i = 0; i < size; i++) {
		if (vals[i])
			last = i;
		if (vals[i] > most)
			most = vals[i];
	}
	if (last < 0)
		return;
	digits = last <= 32 ? 10 : 20;
	width = last <= 32 ? 40 : 20;
	printf("%*s%-*s : count    distribution\n", last <= 32 ? 5 : 15, "", last <= 32 ? 19 : 29, type);
	for (i = 0; i <= last; i++) {
		eu_ulong low = i ? 1ULL << i : 0, high = (1ULL << i) * 2 - 1;

		printf("%*llu -> %-*llu : %-8u |", digits, low, digits, high, vals[i]);
		eu_stars(vals[i], most, width);
	}
}

EU_API void print_linear_hist(unsigned *vals, int size, unsigned base, unsigned step, const char *type)
{
	int first = -1, last = -1, i;
	unsigned most = 0;

	for (i = 0; i < size; i++) {
		if (!vals[i])
			continue;
		first = first < 0 ? i : first;
		last = i;
		most = vals[i] > most ? vals[i] : most;
	}
	if (last < 0)
		return;
	printf("     %-15s : count     distribution\n", type);
	for (i = first; i <= last; i++) {
		printf("        %-10u : %-8u |", base + i * step, vals[i]);
		eu_stars(vals[i], most, 40);
	}
}
#endif
