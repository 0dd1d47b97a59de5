/* The guardian: waits for its process to end, and undoes what that has not undone. It keeps the journal by which `ecli clean` can do so
 * where the guardian is killed too. It runs in a fork of a process that may have threads: nothing of Python, no locks but malloc's. */
#define _GNU_SOURCE
#include "guard.h"
#include "journal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct guardian {
    int sock, parent;
    struct eu_journal journal;
    struct eu_noted *noted; /* newest first */
    uint32_t last;
    int home;            /* the network namespace that it began in */
    uint64_t home_inode; /* of it, and of the one that it is in */
    uint64_t here;
};

/* A mapping of a ring buffer would keep the map alive. */
static void unmap_maps(void) {
    char line[512];
    FILE *file = fopen("/proc/self/maps", "re");
    while (file && fgets(line, sizeof(line), file)) {
        unsigned long from, to;
        if (strstr(line, "anon_inode:") && sscanf(line, "%lx-%lx", &from, &to) == 2)
            munmap((void *)from, to - from);
    }
    if (file)
        fclose(file);
}

static void close_others(int first, int second) {
    int low = first < second ? first : second, high = first < second ? second : first;
    if (low < 0)
        low = high;
    int limit = (int)sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < limit; fd++)
        if (fd > high && !syscall(SYS_close_range, fd, ~0U, 0))
            break;
        else if (fd != low && fd != high)
            close(fd);
}

/* Nothing that its process held is held by it: pipes, programs, maps. */
static void leave_all(int sock, int parent) {
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        dup2(null, fd);
    close_others(sock, parent);
    unmap_maps();
    if (chdir("/"))
        _exit(1);
    prctl(PR_SET_NAME, "ecli-guardian");
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (int number = 1; number < 32; number++)
        sigaction(number, &ignore, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct eu_noted *find(struct guardian *guardian, uint32_t id) {
    struct eu_noted *noted = guardian->noted;
    while (noted && noted->id != id)
        noted = noted->next;
    return noted;
}

static void forget(struct guardian *guardian, struct eu_noted *noted) {
    struct eu_noted **place = &guardian->noted;
    while (*place != noted)
        place = &(*place)->next;
    *place = noted->next;
    for (int i = 0; i < GUARD_FDS; i++)
        if (noted->fds[i] >= 0)
            close(noted->fds[i]);
    free(noted);
}

static int apply(struct guardian *guardian, const struct eu_noted *noted) {
    int there = noted->fds[2] >= 0 ? noted->fds[2] : guardian->home;
    uint64_t inode = noted->fds[2] >= 0 ? noted->undo.netns : guardian->home_inode;
    if (inode != guardian->here) {
        if (setns(there, CLONE_NEWNET))
            return -errno;
        guardian->here = inode;
    }
    return eu_undo_apply(&noted->undo);
}

static int add(struct guardian *guardian, const struct eu_guard_request *request, const int *fds, int nr) {
    struct eu_noted *noted = calloc(1, sizeof(*noted));
    int at = 0;
    if (!noted)
        return -ENOMEM;
    noted->undo = request->undo;
    noted->id = ++guardian->last;
    noted->undo.fd = noted->fds[0] = request->undo.fd >= 0 && at < nr ? fds[at++] : -1;
    noted->undo.other_fd = noted->fds[1] = request->undo.other_fd >= 0 && at < nr ? fds[at++] : -1;
    noted->fds[2] = at < nr ? fds[at++] : -1;
    if (noted->fds[2] >= 0 && noted->undo.netns == guardian->home_inode) {
        close(noted->fds[2]);
        noted->fds[2] = -1;
    }
    noted->next = guardian->noted;
    guardian->noted = noted;
    return (int)noted->id;
}

static int serve(struct guardian *guardian, const struct eu_guard_request *request, const int *fds, int nr) {
    struct eu_noted *noted = request->act == GUARD_ADD ? NULL : find(guardian, request->id);
    int answer = 0;
    if (request->act == GUARD_ADD)
        answer = add(guardian, request, fds, nr);
    else if (!noted)
        return -ENOENT;
    else if (request->act == GUARD_CHANGE)
        noted->undo.made_qdisc = request->undo.made_qdisc;
    else {
        if (request->act == GUARD_UNDO)
            answer = apply(guardian, noted);
        forget(guardian, noted);
    }
    eu_journal_write(&guardian->journal, guardian->noted);
    return answer == -EPIPE ? -EIO : answer;
}

/* 0 there was a request, -1 there will be no more. */
static int take(struct guardian *guardian) {
    struct eu_guard_request request;
    char room[CMSG_SPACE(sizeof(int) * GUARD_FDS)];
    int fds[GUARD_FDS], nr = 0;
    struct iovec data = {&request, sizeof(request)};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    ssize_t size = recvmsg(guardian->sock, &message, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR)
        return 0;
    if (size != (ssize_t)sizeof(request))
        return -1;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_type == SCM_RIGHTS) {
        nr = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(head), sizeof(int) * nr);
    }
    int answer = serve(guardian, &request, fds, nr);
    send(guardian->sock, &answer, sizeof(answer), MSG_NOSIGNAL);
    return 0;
}

static int is_refused(int err) {
    return err == -EPERM || err == -EACCES;
}

/* Filters before the qdiscs that they are in. Returns whether something was refused: `ecli clean` may be allowed more. */
static int undo_all(struct guardian *guardian) {
    int refused = 0;
    for (struct eu_noted *noted = guardian->noted; noted; noted = noted->next) {
        struct eu_noted filter = *noted;
        filter.undo.made_qdisc = 0;
        refused |= is_refused(apply(guardian, &filter));
    }
    for (struct eu_noted *noted = guardian->noted; noted; noted = noted->next)
        if (noted->undo.kind == EU_UNDO_TC && noted->undo.made_qdisc)
            refused |= is_refused(apply(guardian, noted));
    return refused;
}

/* Above what leave_all() opens anew: a process whose standard input is closed gets its number for something else. */
static int above_standard(int fd) {
    int higher = fd < 0 || fd > 2 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0 && higher < 0)
        _exit(1);
    return higher;
}

void eu_guardian(int sock, int parent) {
    sock = above_standard(sock);
    parent = above_standard(parent);
    struct guardian guardian = {.sock = sock, .parent = parent};
    struct stat namespace;
    leave_all(sock, parent);
    guardian.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (guardian.home >= 0 && !fstat(guardian.home, &namespace))
        guardian.here = guardian.home_inode = namespace.st_ino;
    pid_t owner = eu_journal_owner(sock);
    eu_journal_open(&guardian.journal, owner);
    for (;;) {
        struct pollfd events[2] = {{sock, POLLIN, 0}, {parent, POLLIN, 0}};
        if (poll(events, 2, -1) < 0)
            continue;
        if (events[0].revents && take(&guardian))
            break;
        if (!events[0].revents && events[1].revents)
            break;
    }
    if (!undo_all(&guardian))
        eu_journal_remove(&guardian.journal);
    _exit(0);
}
