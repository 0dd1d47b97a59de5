#ifndef SOCKFILTER_H
#define SOCKFILTER_H

struct event {
	unsigned protocol, saddr, daddr, length;
	unsigned short sport, dport; /* in network order, as the addresses are */
};

#endif
