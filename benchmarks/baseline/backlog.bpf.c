/* plain.bpf.c with room for more than a million records, so that a stopped reader's backlog can be measured. */
#define RING_BYTES (64 << 20)
#include "plain.bpf.c"
