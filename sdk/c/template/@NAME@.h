/* What the two sides tell each other. */
#ifndef EVENT_H
#define EVENT_H

struct event {
	int pid;
	char comm[16];
	char filename[128];
};

#endif
