/* What the program in the kernel tells the program in user space. */
#ifndef EXECS_H
#define EXECS_H

struct event {
	int pid;
	int uid;
	char comm[16];
	char path[128];
};

#endif
