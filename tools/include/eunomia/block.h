/* SPDX-License-Identifier: MIT
 *
 * Requests of the block layer: which argument of a tracepoint is the request, its disk, what it does.
 */
#ifndef EUNOMIA_BLOCK_H
#define EUNOMIA_BLOCK_H
#include "kernel.h"

/* include/linux/blk_types.h: the same numbers since 4.10 */
enum {
    REQ_OP_MASK = 0xff,
    REQ_SYNC = 1 << 11,
    REQ_META = 1 << 12,
    REQ_FUA = 1 << 17,
    REQ_PREFLUSH = 1 << 18,
    REQ_RAHEAD = 1 << 19,
};

/* Before 5.11 (commit a54895fa057c, which stable kernels have too) the tracepoints of requests had the queue as first argument.
 * Whether this kernel's has is asked of the type that its BTF has for it: a type "exists" when the parameters are the same. */
typedef void (*btf_trace_block_rq_issue___with_queue)(void *, struct request_queue *, struct request *);

static __always_inline struct request *request_of(const __u64 *args) {
    struct request *rq;

    /* Written out, because clang makes of `exists ? args[1] : args[0]` a load through a changed context pointer, which the
     * verifier refuses; and a second argument may not even be read where there is none. */
    if (bpf_core_type_exists(btf_trace_block_rq_issue___with_queue))
        asm volatile("%0 = *(u64 *)(%1 + 8)" : "=r"(rq) : "r"(args));
    else
        asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(rq) : "r"(args));
    return rq;
}

/* The disk moved from the request to its queue in 5.17. NULL for requests of no disk (tapes, passthrough). */
static __always_inline const struct gendisk *request_disk(const struct request *rq) {
    const struct request___before_5_17 *old = (const void *)rq;

    if (bpf_core_field_exists(old->rq_disk))
        return BPF_CORE_READ(old, rq_disk);
    return BPF_CORE_READ(rq, q, disk);
}

static __always_inline void request_disk_name(const struct request *rq, char name[DISK_NAME_LEN]) {
    const struct gendisk *disk = request_disk(rq);

    if (disk)
        bpf_core_read_str(name, DISK_NAME_LEN, &disk->disk_name);
}

/* "vda" is not "vda1": all of the name must be the same. */
static __always_inline bool same_disk(const char name[DISK_NAME_LEN], const volatile char wanted[DISK_NAME_LEN]) {
    for (int i = 0; i < DISK_NAME_LEN; i++) {
        if (name[i] != wanted[i])
            return false;
        if (!name[i])
            return true;
    }
    return true;
}

/* The letters of blktrace and of the kernel's blk_fill_rwbs(): F flush first, then what it does, then F forced unit access,
 * A read-ahead, S synchronous, M metadata. */
static __always_inline void request_letters(unsigned int flags, char letters[8]) {
    unsigned int op = flags & REQ_OP_MASK;
    __u64 text = op == 0 ? 'R' : op == 1 ? 'W' : op == 2 ? 'F' : op == 3 ? 'D' : op == 5 ? 'E' : op == 9 ? 'Z' : 'N';
    int shift = 8;

    /* In one register, first letter lowest: an index that varies would make the verifier follow every value of it. */
    if (flags & REQ_PREFLUSH) {
        text = text << 8 | 'F';
        shift += 8;
    }
    if (flags & REQ_FUA) {
        text |= (__u64)'F' << shift;
        shift += 8;
    }
    if (flags & REQ_RAHEAD) {
        text |= (__u64)'A' << shift;
        shift += 8;
    }
    if (flags & REQ_SYNC) {
        text |= (__u64)'S' << shift;
        shift += 8;
    }
    if (flags & REQ_META)
        text |= (__u64)'M' << shift;
    __builtin_memcpy(letters, &text, sizeof(text));
}

#endif
