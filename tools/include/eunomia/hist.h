/* SPDX-License-Identifier: MIT
 *
 * Histograms with slots of powers of two: the value of a map with `@sample {"type":"log2_hist",…}`. Slot 0 counts 0 and 1,
 * slot n counts 2^n to 2^(n+1)-1, the last slot everything above.
 */
#ifndef EUNOMIA_HIST_H
#define EUNOMIA_HIST_H
#include "kernel.h"

#define HIST_SLOTS 27

struct hist {
    __u32 slots[HIST_SLOTS];
};
struct task_hist { /* of a process or thread: with its name at the time of the first count */
    __u32 slots[HIST_SLOTS];
    char comm[TASK_COMM_LEN];
};

static __always_inline __u32 log2_slot(__u64 value) {
    __u32 slot = 0;

    for (__u32 shift = 32; shift; shift >>= 1) {
        if (value >> shift) {
            value >>= shift;
            slot += shift;
        }
    }
    return slot < HIST_SLOTS ? slot : HIST_SLOTS - 1;
}

/* For clang before 18, which folds `slot < HIST_SLOTS` above into something that the verifier cannot follow. */
#define hist_count(hist, value)                                                                                                            \
    ({                                                                                                                                     \
        __u32 slot_ = log2_slot(value);                                                                                                    \
        if (slot_ < HIST_SLOTS)                                                                                                            \
            __sync_fetch_and_add(&(hist)->slots[slot_], 1);                                                                                \
    })

#endif
