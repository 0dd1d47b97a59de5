#ifndef STACKS_H
#define STACKS_H

struct key {
	unsigned pid;
	int user, kernel;
};

#endif
