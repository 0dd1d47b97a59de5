/* This process's side of its guardian: it is started with the first attachment that needs one, and ends with the last. */
#define _GNU_SOURCE
#include "guard.h"
#include "attach.h"
#include "error.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    int sock, nr; /* nr: attachments that it knows of */
    pid_t owner;  /* a forked child has the descriptor too, but not the say */
} guard = {.lock = PTHREAD_MUTEX_INITIALIZER, .sock = -1};

/* Twice: it is nobody's child, whom the caller's waiting for children would meet. */
static void fork_guardian(int sock, int parent) {
    pid_t child = fork();
    if (!child) {
        setsid(); /* what ends this process's group is not to end it */
        if (fork())
            _exit(0);
        eu_guardian(sock, parent);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

static int start(void) {
    int pair[2];
    sigset_t all, before;
    int parent = (int)syscall(SYS_pidfd_open, getpid(), 0); /* -1 before 5.3: the end of the socket says it too */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        close(parent);
        return -1;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of this process runs in the guardian */
    fork_guardian(pair[1], parent);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(pair[1]);
    if (parent >= 0)
        close(parent);
    guard.sock = pair[0];
    guard.owner = getpid();
    guard.nr = 0;
    return 0;
}

static void end(void) {
    close(guard.sock);
    guard.sock = -1;
}

static int send_request(const struct eu_guard_request *request, const int *fds, int nr) {
    char room[CMSG_SPACE(sizeof(int) * GUARD_FDS)] = {0};
    struct iovec data = {(void *)request, sizeof(*request)};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (nr) {
        message.msg_control = room;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * nr);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * nr);
        memcpy(CMSG_DATA(head), fds, sizeof(int) * nr);
    }
    return sendmsg(guard.sock, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(*request) ? 0 : -EPIPE;
}

/* Ask it and wait for the answer: the journal is written when it comes. -EPIPE: the guardian is dead. */
static int ask(const struct eu_guard_request *request, const int *fds, int nr) {
    int answer, err = send_request(request, fds, nr);
    ssize_t size;
    if (err)
        return err;
    do
        size = recv(guard.sock, &answer, sizeof(answer), 0);
    while (size < 0 && errno == EINTR);
    return size == sizeof(answer) ? answer : -EPIPE;
}

static int is_ours(void) {
    return guard.sock >= 0 && guard.owner == getpid();
}

/* Whether our guardian knows it: what a forked child has of its parent's has numbers of another guardian. */
static int knows(const struct eu_attachment *at) {
    return at->guard && is_ours() && at->owner == guard.owner;
}

/* Its number with the guardian, or 0: there is none. */
static uint32_t add(const struct eu_undo *undo) {
    struct eu_guard_request request = {.act = GUARD_ADD, .undo = *undo};
    int fds[GUARD_FDS], nr = 0;
    if (guard.sock >= 0 && !is_ours())
        end(); /* the parent's, which this child has a copy of */
    if (guard.sock < 0 && start())
        return 0;
    if (undo->fd >= 0)
        fds[nr++] = undo->fd;
    if (undo->other_fd >= 0)
        fds[nr++] = undo->other_fd;
    int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (netns >= 0)
        fds[nr++] = netns;
    int number = ask(&request, fds, nr);
    if (netns >= 0)
        close(netns);
    if (number > 0)
        guard.nr++;
    else if (!guard.nr)
        end(); /* it did not start, or died: the next attachment asks for another */
    return number > 0 ? (uint32_t)number : 0;
}

/* Where this process has no guardian any more it undoes things itself; a forked child undoes nothing of its parent's. */
static void finish(struct eu_attachment *at, enum eu_guard_act act) {
    struct eu_guard_request request = {.act = act, .id = at->guard};
    pthread_mutex_lock(&guard.lock);
    int answer = knows(at) ? ask(&request, NULL, 0) : -EPIPE;
    if (knows(at) && !--guard.nr)
        end();
    pthread_mutex_unlock(&guard.lock);
    if (answer == -EPIPE && act == GUARD_UNDO && at->owner == getpid())
        eu_undo_apply(at->undoing);
}

static void undo_guarded(struct eu_attachment *at) {
    finish(at, GUARD_UNDO);
    if (at->undoing->other_fd >= 0)
        close(at->undoing->other_fd);
    free(at->undoing);
}

struct eu_attachment *eu_guarded(struct eu_object *object, int prog, const struct eu_undo *undo) {
    struct eu_undo *kept = malloc(sizeof(*kept));
    struct eu_attachment *at = kept ? eu_attachment_add(object, prog) : NULL;
    if (!at) {
        free(kept);
        return kept ? NULL : eu_fail_null(ENOMEM, "attach: out of memory");
    }
    *kept = *undo;
    at->undoing = kept;
    at->undo = undo_guarded;
    at->owner = getpid();
    pthread_mutex_lock(&guard.lock);
    at->guard = add(undo);
    pthread_mutex_unlock(&guard.lock);
    return at;
}

void eu_unguard(struct eu_object *object, struct eu_attachment *at) {
    struct eu_attachment **place = &object->attachments;
    while (*place && *place != at)
        place = &(*place)->next;
    if (*place)
        *place = at->next;
    finish(at, GUARD_DROP);
    free(at->undoing);
    free(at);
}

void eu_guard_qdisc(struct eu_attachment *at, int made) {
    struct eu_guard_request request = {.act = GUARD_CHANGE, .id = at->guard, .undo.made_qdisc = (uint32_t)made};
    at->undoing->made_qdisc = (uint32_t)made;
    pthread_mutex_lock(&guard.lock);
    if (knows(at))
        ask(&request, NULL, 0);
    pthread_mutex_unlock(&guard.lock);
}
