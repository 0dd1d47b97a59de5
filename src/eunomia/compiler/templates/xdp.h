#ifndef @GUARD@
#define @GUARD@

struct traffic {
	unsigned long long packets;
	unsigned long long bytes;
};

#endif
