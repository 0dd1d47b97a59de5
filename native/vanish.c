/* Targets that go away while something is attached to them.
 *
 * Each has a descriptor of its own, which the kernel makes readable when it goes, and all are in one epoll, which is in the run's: nothing
 * wakes before. They are opened when the program attaches: in its network namespace, and with the system calls that a run gives up.
 *
 * The socket of an interface keeps its network namespace, as a process in it does.
 *
 * Programs attach and detach in one thread and runs read in another, so there is a lock. */
#define _GNU_SOURCE
#include "vanish.h"
#include "error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { LOOPBACK = 1 /* in every namespace, and it stays */, LINE_ROOM = 512 };

enum kind { INTERFACE, CGROUP, PROCESS };

struct eu_watched {
    enum kind kind;
    int fd;                  /* -1: it is gone */
    int users;               /* attachments */
    int link;                /* INTERFACE: the link to it, -1: none */
    char leaf[NAME_MAX + 1]; /* CGROUP: its name in its parent */
    char line[LINE_ROOM];
};

struct eu_vanish {
    int users, epoll;
    int standing;               /* attachments whose target is there, as far as we know */
    struct eu_watched *pending; /* of the program that attaches now */
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct eu_vanish *eu_vanish_new(void) {
    struct eu_vanish *v = calloc(1, sizeof(*v));
    if (!v)
        return eu_fail_null(ENOMEM, "open object: out of memory");
    v->users = 1;
    v->epoll = -1;
    return v;
}

struct eu_vanish *eu_vanish_share(struct eu_vanish *v) {
    pthread_mutex_lock(&lock);
    v->users++;
    pthread_mutex_unlock(&lock);
    return v;
}

void eu_vanish_free(struct eu_vanish *v) {
    if (!v)
        return;
    pthread_mutex_lock(&lock);
    int users = --v->users;
    pthread_mutex_unlock(&lock);
    if (users)
        return;
    if (v->epoll >= 0)
        close(v->epoll);
    free(v);
}

/* A copy in a child would keep what is closed in the epoll, so it is taken out. */
static void stop(struct eu_vanish *v, struct eu_watched *w) {
    if (w->fd < 0)
        return;
    epoll_ctl(v->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    close(w->fd);
    w->fd = -1;
}

/* Names come from the command line, the system and packages: nothing of them may move a cursor. */
static void say(struct eu_watched *w, const char *what, const char *program) {
    snprintf(w->line, sizeof(w->line), "%.340s: program %.100s sees nothing more of it", what, program);
    for (char *at = w->line; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
}

/* Watch a descriptor, or none below 0, which is the attachment's from here on. */
static struct eu_watched *watch(struct eu_object *object, int prog, enum kind kind, int fd, const char *what) {
    struct eu_vanish *v = object->vanish;
    struct epoll_event event = {.events = EPOLLIN};
    struct eu_watched *w = fd < 0 || v->pending ? NULL : calloc(1, sizeof(*w));
    event.data.ptr = w;
    pthread_mutex_lock(&lock);
    if (w && v->epoll < 0)
        v->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (w && !epoll_ctl(v->epoll, EPOLL_CTL_ADD, fd, &event)) {
        w->kind = kind;
        w->fd = fd;
        w->link = -1;
        say(w, what, bpf_program__name(object->progs[prog]));
        v->pending = w;
        pthread_mutex_unlock(&lock);
        return w;
    }
    pthread_mutex_unlock(&lock);
    free(w);
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* The kernel passes on nothing but this interface's removal: others, and its changes, wake nobody. A port that leaves a bridge is a message
 * of the same type, and of family AF_BRIDGE. Source: br_ifinfo_notify(), net/bridge/br_netlink.c */
static int interface_socket(int ifindex) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELLINK), 0, 5), /* numbers are the host's, loads the network's */
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct ifinfomsg, ifi_family)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNSPEC, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NLMSG_HDRLEN + offsetof(struct ifinfomsg, ifi_index)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)ifindex), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = {sizeof(code) / sizeof(*code), code};
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0 ||
        (!setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) && !bind(fd, (struct sockaddr *)&address, sizeof(address))))
        return fd;
    close(fd);
    return -1;
}

void eu_vanish_interface(struct eu_object *object, int prog, int ifindex) {
    char name[IF_NAMESIZE], what[100];
    if (ifindex <= LOOPBACK)
        return;
    if (!if_indextoname((unsigned)ifindex, name))
        snprintf(name, sizeof(name), "%d", ifindex);
    snprintf(what, sizeof(what), "interface %s is gone", name);
    watch(object, prog, INTERFACE, interface_socket(ifindex), what);
}

/* Its own inode says nothing when it is removed; its parent does. */
void eu_vanish_cgroup(struct eu_object *object, int prog, int fd) {
    char self[40], parent[48], path[4096], what[4200];
    struct statfs there;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    snprintf(parent, sizeof(parent), "%s/..", self);
    ssize_t length = readlink(self, path, sizeof(path) - 1);
    path[length > 0 ? length : 0] = 0;
    const char *leaf = strrchr(path, '/');
    /* a mount's root has another file system above it, the root of all is not removed */
    if (!leaf || !leaf[1] || strlen(leaf + 1) > NAME_MAX || statfs(parent, &there) || there.f_type != CGROUP2_SUPER_MAGIC)
        return;
    int notes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (notes >= 0 && inotify_add_watch(notes, parent, IN_DELETE | IN_ONLYDIR) < 0) {
        close(notes);
        return;
    }
    snprintf(what, sizeof(what), "cgroup %s is gone", path);
    struct eu_watched *w = watch(object, prog, CGROUP, notes, what);
    if (w)
        snprintf(w->leaf, sizeof(w->leaf), "%s", leaf + 1);
}

/* Kernel 5.3; of a thread that is not its process's first, none. */
void eu_vanish_process(struct eu_object *object, int prog, int pid) {
    char what[64];
    snprintf(what, sizeof(what), "process %d has ended", pid);
    if (pid > 0 && pid != getpid())
        watch(object, prog, PROCESS, (int)syscall(SYS_pidfd_open, pid, 0), what);
}

void eu_vanish_attached(struct eu_object *object, const struct eu_attachment *before) {
    struct eu_vanish *v = object->vanish;
    pthread_mutex_lock(&lock);
    struct eu_watched *w = v->pending;
    for (struct eu_attachment *at = object->attachments; at != before; at = at->next) {
        v->standing++;
        at->watched = w;
        if (w && ++w->users == 1 && !at->undo)
            w->link = at->link ? bpf_link__fd(at->link) : at->fd;
    }
    v->pending = NULL;
    if (w && !w->users) {
        stop(v, w);
        free(w);
    }
    pthread_mutex_unlock(&lock);
}

void eu_vanish_forget(struct eu_object *object, struct eu_attachment *at) {
    struct eu_vanish *v = object->vanish;
    struct eu_watched *w = at->watched;
    pthread_mutex_lock(&lock);
    v->standing -= !w || w->fd >= 0;
    at->watched = NULL;
    if (w) {
        w->link = -1;
        if (!--w->users) {
            stop(v, w);
            free(w);
        }
    }
    pthread_mutex_unlock(&lock);
}

int eu_vanish_fd(struct eu_vanish *v) {
    pthread_mutex_lock(&lock);
    int fd = v->epoll;
    pthread_mutex_unlock(&lock);
    return fd;
}

/* An interface that moved to another network namespace is removed from this one, and XDP, tcx and netkit programs move with it: their links
 * still name it. */
static int is_still_linked(int fd) {
    struct bpf_link_info info = {0};
    uint32_t size = sizeof(info);
    return fd >= 0 && !bpf_link_get_info_by_fd(fd, &info, &size) && info.xdp.ifindex; /* of all three at the same place */
}

static int is_named(const struct eu_watched *w) {
    char notes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    const struct inotify_event *note;
    ssize_t size;
    while ((size = read(w->fd, notes, sizeof(notes))) > 0)
        for (ssize_t at = 0; at < size; at += (ssize_t)(sizeof(*note) + note->len)) {
            note = (const struct inotify_event *)(notes + at);
            if (note->mask & IN_DELETE && note->len && !strcmp(note->name, w->leaf))
                return 1;
        }
    return 0;
}

static int is_gone(const struct eu_watched *w) {
    char message[sizeof(struct nlmsghdr)];
    if (w->kind == INTERFACE)
        return recv(w->fd, message, sizeof(message), MSG_DONTWAIT) > 0 && !is_still_linked(w->link);
    return w->kind == PROCESS || is_named(w);
}

int eu_vanish_next(struct eu_vanish *v, char *line, size_t room) {
    struct epoll_event event;
    int found = 0;
    pthread_mutex_lock(&lock);
    while (!found && epoll_wait(v->epoll, &event, 1, 0) == 1) {
        struct eu_watched *w = event.data.ptr;
        if (!is_gone(w))
            continue;
        stop(v, w);
        v->standing -= w->users;
        snprintf(line, room, "%s", w->line);
        found = v->standing ? 1 : 2;
    }
    pthread_mutex_unlock(&lock);
    return found;
}
