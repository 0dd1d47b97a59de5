#ifndef EXECVE_H
#define EXECVE_H

struct event {
	int pid, ppid;
	unsigned uid;
	char comm[16];
	char filename[256];
};

#endif
