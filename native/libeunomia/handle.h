/* A tool as the library's users hold it. */
#ifndef LIBEUNOMIA_HANDLE_H
#define LIBEUNOMIA_HANDLE_H
#include "../tool/tool.h"
#include "include/eunomia/eunomia-bpf.h"
#include <pthread.h>
#include <stdatomic.h>

/* The names of exports.map; all others are hidden. */
#define PUBLIC __attribute__((visibility("default")))

enum state { OPENED, ATTACHED, DETACHED, FAILED };

struct eunomia_bpf {
    void *bytes; /* the package: the tool points into it */
    char *btf;
    struct eu_tool *tool;
    struct eu_plan *plan;
    struct eu_run *run;                /* made with the programs, for perf buffers that nobody has opened lose what comes */
    struct eunomia_poll_options asked; /* by which it was made */
    int is_used;                       /* its loop has run */
    enum state state;
    eunomia_handler handler;
    void *context;
    char *text; /* one event with a NUL behind it */
    size_t room;
    pthread_mutex_t lock; /* of is_busy */
    pthread_cond_t changed;
    int is_busy; /* a function that is not for several threads runs */
    int stop, resume;
    atomic_int is_stopped, is_paused, is_closing, polling; /* polling: the thread that does */
};

/* Have the tool for this thread alone, in one of these states at most; 0, or -errno. */
int eu_enter(struct eunomia_bpf *tool, enum state most, const char *operation);
void eu_leave(struct eunomia_bpf *tool);
/* poll.c: make the run; 0, or -errno. */
int eu_make_run(struct eunomia_bpf *tool, const struct eunomia_poll_options *options);
#endif
