#ifndef @GUARD@
#define @GUARD@

struct event {
	unsigned int pid;
	unsigned int cpu_id;
	char comm[16];
	int kstack_sz;
	int ustack_sz;
	unsigned long long kstack[32];
	unsigned long long ustack[32];
};

#endif
