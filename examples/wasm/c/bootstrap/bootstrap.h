/* What the two sides tell each other. */
#ifndef BOOTSTRAP_H
#define BOOTSTRAP_H

enum what { EXEC, EXIT };

struct event {
	enum what what;
	int pid, ppid;
	unsigned code;
	unsigned long age; /* nanoseconds since the exec, 0 if that was before we came */
	char comm[16];
	char filename[128];
};

#endif
