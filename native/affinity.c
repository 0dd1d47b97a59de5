#define _GNU_SOURCE
#include "affinity.h"
#include "error.h"
#include "eunomia.h"
#include "out.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

struct eu_affinity {
    size_t size;
    cpu_set_t *cpus;
};

static struct eu_affinity *read_affinity(void) {
    for (int room = 1024; room <= 1 << 20; room *= 2) { /* the kernel refuses a set smaller than its own */
        struct eu_affinity *a = malloc(sizeof(*a));
        if (!a)
            return NULL;
        a->size = CPU_ALLOC_SIZE(room);
        a->cpus = CPU_ALLOC(room);
        if (a->cpus && !sched_getaffinity(0, a->size, a->cpus))
            return a;
        CPU_FREE(a->cpus);
        free(a);
        if (errno != EINVAL)
            break;
    }
    return NULL;
}

struct eu_affinity *eu_affinity_set(int cpu) {
    int possible = eu_possible_cpus();
    if (cpu < 0 || (possible > 0 && cpu >= possible))
        return eu_fail_null(EINVAL, "read on CPU %d: this machine has CPUs 0 to %d", cpu, possible - 1);
    struct eu_affinity *before = read_affinity();
    cpu_set_t *only = before ? CPU_ALLOC(cpu + 1) : NULL;
    int err = only ? 0 : ENOMEM;
    if (only) {
        size_t size = CPU_ALLOC_SIZE(cpu + 1);
        CPU_ZERO_S(size, only);
        CPU_SET_S(cpu, size, only);
        err = sched_setaffinity(0, size, only) ? errno : 0;
        CPU_FREE(only);
    }
    if (!err)
        return before;
    eu_affinity_restore(before);
    return eu_fail_null(err, "read on CPU %d: %s", cpu,
                        err == EINVAL ? "it is offline, or this process may not use it (see taskset -p, cpusets)" : eu_strerror(err));
}

void eu_affinity_restore(struct eu_affinity *before) {
    if (!before)
        return;
    sched_setaffinity(0, before->size, before->cpus);
    CPU_FREE(before->cpus);
    free(before);
}
