/* Targets that go away while something is attached to them: interfaces, control groups, processes. */
#ifndef EUNOMIA_VANISH_H
#define EUNOMIA_VANISH_H
#include "object.h"
#include <stddef.h>

struct eu_vanish;
/* Of an object, before its first attachment; NULL: out of memory. */
struct eu_vanish *eu_vanish_new(void);
/* Once more in use, and no longer; it is freed by the last. */
struct eu_vanish *eu_vanish_share(struct eu_vanish *vanish);
void eu_vanish_free(struct eu_vanish *vanish);

/* What program `prog`, which attaches now, attaches to: called before it does, so that nothing is missed. What cannot be watched is not. */
void eu_vanish_interface(struct eu_object *object, int prog, int ifindex);
void eu_vanish_cgroup(struct eu_object *object, int prog, int fd);
void eu_vanish_process(struct eu_object *object, int prog, int pid);
/* The attachments down to `before` are new: those of this program, or none where it did not attach. */
void eu_vanish_attached(struct eu_object *object, const struct eu_attachment *before);
/* Before one of them is undone. */
void eu_vanish_forget(struct eu_object *object, struct eu_attachment *attachment);

/* A descriptor that can be read from when something went away, -1: nothing is watched. */
int eu_vanish_fd(struct eu_vanish *vanish);
/* 1: one target is gone, as the line says; 2: and it was the last that anything was attached to; 0: no more. */
int eu_vanish_next(struct eu_vanish *vanish, char *line, size_t room);
#endif
