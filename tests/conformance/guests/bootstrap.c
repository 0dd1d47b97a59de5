/* Processes as they begin and end: -d MS only those that lived so long, -h help. */
#include "bootstrap.skel.h"
#include <time.h>

struct event {
    int32_t pid, ppid;
    uint32_t exit_code;
    char pad[4];
    uint64_t duration_ns;
    char comm[16];
    char filename[127];
    bool exit_event;
} __attribute__((packed));
_Static_assert(sizeof(struct event) == 168, "");

static int handle_event(void *ctx, void *data, size_t size)
{
    const struct event *event = data;
    time_t now = time(NULL);
    char when[16];

    (void)ctx;
    if (size < sizeof(*event))
        return printf("short record: %zu\n", size), 0;
    strftime(when, sizeof(when), "%H:%M:%S", gmtime(&now));
    if (event->exit_event)
        printf("%-8s %-5s %-16s %-7d %-7d [%u] (%llums)\n", when, "EXIT", event->comm, event->pid, event->ppid, event->exit_code,
               (unsigned long long)event->duration_ns / 1000000);
    else
        printf("%-8s %-5s %-16s %-7d %-7d %s\n", when, "EXEC", event->comm, event->pid, event->ppid, event->filename);
    return 0;
}

int main(int argc, char **argv)
{
    struct bootstrap_bpf *skel;
    struct bpf_buffer *buffer;
    int err;

    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) { /* no argument: reads address 0, as old guests do */
        printf("usage: bootstrap [-d MS] [-h]\n");
        return 0;
    }
    skel = bootstrap_bpf__open();
    if (argc > 2 && strcmp(argv[1], "-d") == 0)
        skel->rodata->min_duration_ns = strtoull(argv[2], NULL, 10) * 1000000;
    if (bootstrap_bpf__load(skel))
        return printf("failed to load\n"), 1;
    if ((err = bootstrap_bpf__attach(skel)))
        return printf("failed to attach: %d\n", err), 1;
    buffer = bpf_buffer__new(skel->maps.rb);
    if ((err = bpf_buffer__open(buffer, handle_event, NULL)))
        return printf("failed to open the buffer: %d\n", err), 1;
    printf("%-8s %-5s %-16s %-7s %-7s %s\n", "TIME", "EVENT", "COMM", "PID", "PPID", "FILENAME/EXIT CODE");
    while ((err = bpf_buffer__poll(buffer, 100)) >= 0)
        ;
    printf("poll: %d\n", err);
    bpf_buffer__free(buffer);
    bootstrap_bpf__destroy(skel);
    return 1;
}
