#ifndef @GUARD@
#define @GUARD@

struct event {
	unsigned int pid;
	char comm[16];
	char line[128];
};

#endif
