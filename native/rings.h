/* Sizes of event buffers that nobody chose: by the machine. */
#ifndef EUNOMIA_RINGS_H
#define EUNOMIA_RINGS_H
#include "eunomia.h"

/* Make the ring buffers of an object larger before it is loaded; where the kernel refuses, they stay as they are. */
void eu_rings_grow(struct eu_object *object);
/* Make each a perf event array instead, for kernels before 5.8; its programs must write to it as such. */
void eu_rings_replace(struct eu_object *object);
#endif
