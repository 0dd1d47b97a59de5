/* The CPU that the reading thread runs on. */
#ifndef EUNOMIA_AFFINITY_H
#define EUNOMIA_AFFINITY_H

struct eu_affinity; /* what it was before */
/* Keep the calling thread on a CPU until eu_affinity_restore(); NULL with eu_error() set where that is not possible. */
struct eu_affinity *eu_affinity_set(int cpu);
/* NULL is allowed. */
void eu_affinity_restore(struct eu_affinity *before);
#endif
