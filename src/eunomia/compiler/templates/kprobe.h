#ifndef @GUARD@
#define @GUARD@

struct event {
	unsigned int pid;
	int dfd;
	char comm[16];
	char name[64];
};

#endif
