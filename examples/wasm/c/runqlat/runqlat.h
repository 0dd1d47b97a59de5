#ifndef RUNQLAT_H
#define RUNQLAT_H

enum { SLOTS = 26 };

/* How many waits took 2^i to 2^(i+1) - 1 microseconds. */
struct hist {
	unsigned slots[SLOTS];
	char comm[16];
};

#endif
