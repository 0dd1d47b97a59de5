/* Undoing what the kernel ties to no descriptor, whatever ends this process: a guardian does it, a process of its own (guardian.c).
 *
 * The order that keeps the promise: eu_guard_add() with everything that is needed to undo it, then attach, and eu_guard_drop() where that
 * failed. In the end eu_guard_undo(). */
#ifndef EUNOMIA_GUARD_H
#define EUNOMIA_GUARD_H
#include "eunomia.h"
#include "object.h"

enum eu_guard_act { GUARD_ADD, GUARD_CHANGE, GUARD_DROP, GUARD_UNDO };
struct eu_guard_request {
    enum eu_guard_act act;
    uint32_t id;
    struct eu_undo undo; /* of ADD; of CHANGE made_qdisc alone */
};
enum { GUARD_FDS = 3 }; /* that may come with ADD: fd, other_fd, the network namespace; their presence is in the request */

/* Program and namespace of an undo; fds -1. */
void eu_undo_begin(struct eu_undo *undo, enum eu_undo_kind kind, const struct bpf_program *prog);
/* An attachment of the object that is undone as this says, whoever lives then; NULL: out of memory, eu_error() set. Before attaching. */
struct eu_attachment *eu_guarded(struct eu_object *object, int prog, const struct eu_undo *undo);
/* It did not attach: forget it. */
void eu_unguard(struct eu_object *object, struct eu_attachment *attachment);
/* The qdisc goes with this attachment, or it does not. */
void eu_guard_qdisc(struct eu_attachment *attachment, int made);

/* The guardian: never returns. */
void eu_guardian(int sock, int parent) __attribute__((noreturn));
#endif
