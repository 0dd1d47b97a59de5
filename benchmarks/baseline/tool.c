/* What a careful author writes by hand with libbpf: open, filter, load, attach, poll, print. The object is inside the executable
 * (-DOBJECT="file"), as a skeleton would have it. The yardstick that `ecli run` of the same object is measured against.
 *
 *   tool [-j|-c] [-n EVENTS] [-p PID]    -j JSON lines, -c count only, -n end after so many events, -p only this process
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "sig.h"

__asm__(".section .rodata\n.balign 16\nobject_start: .incbin \"" OBJECT "\"\nobject_end: .previous\n");
extern const char object_start[], object_end[];

static volatile sig_atomic_t stop;
static unsigned long limit, seen;

static void on_signal(int number) { stop = number; }

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments) {
    return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

static int on_text(void *context, void *data, size_t size) {
    const struct event *e = data;

    printf("%-16llu %-8llu %-7u %-7u %-6u %-4d %s\n", e->ts, e->cgroup, e->pid, e->ppid, e->uid, e->sig, e->comm);
    return ++seen == limit ? -ECANCELED : 0;
}

static int on_json(void *context, void *data, size_t size) {
    const struct event *e = data;

    printf("{\"ts\":%llu,\"cgroup\":%llu,\"pid\":%u,\"ppid\":%u,\"uid\":%u,\"sig\":%d,\"comm\":\"%s\"}\n", e->ts, e->cgroup, e->pid, e->ppid,
           e->uid, e->sig, e->comm);
    return ++seen == limit ? -ECANCELED : 0;
}

static int on_nothing(void *context, void *data, size_t size) {
    return ++seen == limit ? -ECANCELED : 0;
}

static int fail(const char *what) {
    fprintf(stderr, "tool: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv) {
    int option, json = 0, count = 0, pid = 0, err = 0;
    struct bpf_object *object;
    struct bpf_program *program;
    struct bpf_link *link;
    struct ring_buffer *ring;
    struct bpf_map *map, *rodata = NULL;
    size_t size;
    int *image;

    while ((option = getopt(argc, argv, "jcn:p:")) != -1) {
        if (option == 'j')
            json = 1;
        else if (option == 'c')
            count = 1;
        else if (option == 'n')
            limit = strtoul(optarg, NULL, 10);
        else if (option == 'p')
            pid = atoi(optarg);
        else
            return 2;
    }
    setvbuf(stdout, NULL, _IOFBF, 1 << 16); /* one write for many lines; flushed after each round below */
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    libbpf_set_print(quiet);
    object = bpf_object__open_mem(object_start, object_end - object_start, NULL);
    if (!object)
        return fail("open");
    bpf_object__for_each_map(map, object)
        if (strstr(bpf_map__name(map), ".rodata"))
            rodata = map;
    image = rodata ? bpf_map__initial_value(rodata, &size) : NULL;
    if (!image)
        return fail("find .rodata");
    image[0] = pid; /* target_pid is its only variable */
    if (bpf_object__load(object))
        return fail("load");
    program = bpf_object__next_program(object, NULL);
    link = bpf_program__attach(program);
    if (!link)
        return fail("attach");
    ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "events"), count ? on_nothing : json ? on_json : on_text, NULL, NULL);
    if (!ring)
        return fail("open ring buffer");
    while (!stop) {
        err = ring_buffer__poll(ring, -1);
        fflush(stdout);
        if (err < 0 && err != -EINTR)
            break;
    }
    ring_buffer__free(ring);
    bpf_link__destroy(link);
    bpf_object__close(object);
    return stop || err == -ECANCELED ? 0 : 1;
}
