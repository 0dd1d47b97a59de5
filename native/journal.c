#define _GNU_SOURCE
#include "journal.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_ROOM = 2048 };
static const char suffix[] = ".journal";

pid_t eu_journal_owner(int sock) {
    struct ucred who = {0};
    socklen_t size = sizeof(who);
    return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &size) ? 0 : who.pid;
}

void eu_journal_open(struct eu_journal *journal, pid_t owner) {
    *journal = (struct eu_journal){.owner = owner, .start = eu_process_start(owner), .fd = -1};
    snprintf(journal->name, sizeof(journal->name), "%d-%llu%s", owner, (unsigned long long)journal->start, suffix);
    journal->dir = eu_state_open(1);
}

/* At most what a line holds: an undo has a fixed size. */
static int print(char *line, const struct eu_undo *undo) {
    int used = snprintf(line, LINE_ROOM,
                        "kind=%u ifindex=%u prog_id=%u flags=%u point=%u handle=%u priority=%u made_qdisc=%u map_id=%u load_time=%llu "
                        "netns=%llu message=",
                        undo->kind, undo->ifindex, undo->prog_id, undo->flags, undo->point, undo->handle, undo->priority, undo->made_qdisc,
                        undo->map_id, (unsigned long long)undo->load_time, (unsigned long long)undo->netns);
    for (uint32_t i = 0; i < undo->message_size && i < sizeof(undo->message); i++)
        used += snprintf(line + used, LINE_ROOM - used, "%02x", undo->message[i]);
    line[used++] = '\n';
    return used;
}

static int write_all(int fd, const struct eu_journal *journal, const struct eu_noted *noted) {
    char line[LINE_ROOM];
    int size = snprintf(line, sizeof(line), "eunomia-journal 1 pid=%d start=%llu\n", journal->owner, (unsigned long long)journal->start);
    if (write(fd, line, size) != size)
        return -1;
    for (; noted; noted = noted->next) {
        size = print(line, &noted->undo);
        if (write(fd, line, size) != size)
            return -1;
    }
    return 0;
}

/* A new file takes the place of the old one at once; it is locked before it has the name. */
void eu_journal_write(struct eu_journal *journal, const struct eu_noted *noted) {
    char fresh[80];
    if (journal->dir < 0)
        return;
    snprintf(fresh, sizeof(fresh), "%s.new", journal->name);
    unlinkat(journal->dir, fresh, 0);
    int fd = openat(journal->dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) || write_all(fd, journal, noted) || renameat(journal->dir, fresh, journal->dir, journal->name)) {
        unlinkat(journal->dir, fresh, 0);
        close(fd);
        return;
    }
    if (journal->fd >= 0)
        close(journal->fd);
    journal->fd = fd;
}

/* Only where it is this guardian's: the next one of the same process writes under the same name. */
void eu_journal_remove(struct eu_journal *journal) {
    struct stat mine, there;
    if (journal->dir >= 0 && journal->fd >= 0 && !fstat(journal->fd, &mine) &&
        !fstatat(journal->dir, journal->name, &there, AT_SYMLINK_NOFOLLOW) && mine.st_ino == there.st_ino)
        unlinkat(journal->dir, journal->name, 0);
}

static int ends_in(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && !strcmp(name + length - tail, end);
}

int eu_guard_leftovers(void) {
    int fd = eu_state_open(0), found = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (!ends_in(entry->d_name, suffix))
            continue;
        int file = openat(fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        found += file >= 0 && !eu_state_is_locked(file);
        if (file >= 0)
            close(file);
    }
    closedir(dir);
    return found;
}
