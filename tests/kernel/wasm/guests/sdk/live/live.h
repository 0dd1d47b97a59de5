#ifndef LIVE_H
#define LIVE_H

struct event {
	int number, limit;
	long data;
	unsigned long more;
};

#endif
