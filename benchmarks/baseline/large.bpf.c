/* plain.bpf.c with the ring that eunomia takes by default, so that a flood is compared and not two sizes. */
#define RING_BYTES (8 << 20)
#include "plain.bpf.c"
