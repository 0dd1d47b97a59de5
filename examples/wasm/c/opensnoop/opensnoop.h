#ifndef OPENSNOOP_H
#define OPENSNOOP_H

struct event {
	int pid, uid, result, flags;
	char comm[16];
	char path[255];
};

#endif
