#ifndef MYTOOL_H
#define MYTOOL_H

struct event {
	unsigned int pid;
	unsigned int ppid;
	char comm[16];
	char filename[128];
};

#endif
