#ifndef LSM_H
#define LSM_H

enum { NAME_LEN = 64 };

struct event {
	int pid, uid;
	char comm[16];
	char name[NAME_LEN];
};

#endif
