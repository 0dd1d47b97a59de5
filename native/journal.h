/* The journal of a guardian: what it would undo, for those who come after it. */
#ifndef EUNOMIA_JOURNAL_H
#define EUNOMIA_JOURNAL_H
#include "guard.h"
#include <sys/types.h>

struct eu_noted {
    struct eu_noted *next;
    uint32_t id;
    struct eu_undo undo;
    int fds[GUARD_FDS]; /* owned; -1: none */
};
struct eu_journal {
    int dir, fd; /* -1: it cannot be written, and is done without */
    char name[64];
    pid_t owner;
    uint64_t start;
};

/* The process at the other end of a socket pair when that was made. */
pid_t eu_journal_owner(int sock);
void eu_journal_open(struct eu_journal *journal, pid_t owner);
/* All that is noted, in place of what was there. */
void eu_journal_write(struct eu_journal *journal, const struct eu_noted *noted);
void eu_journal_remove(struct eu_journal *journal);
#endif
