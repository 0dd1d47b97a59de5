#ifndef @GUARD@
#define @GUARD@

#define MAX_SLOTS 27

struct hist {
	unsigned int slots[MAX_SLOTS];
};

#endif
