#ifndef EXECS_H
#define EXECS_H

struct event {
	int pid, ppid;
	unsigned uid;
	char comm[16];
	char filename[256];
};

#endif
