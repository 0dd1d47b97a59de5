#ifndef SIGSNOOP_H
#define SIGSNOOP_H

struct event {
	unsigned pid, target;
	int signal, result;
	char comm[16];
};

#endif
