/* What baseline/tool.c does with -j, as a guest: a JSON line for each event of a process: tool PID. */
#include "core.skel.h"
#include "sig.h"

static int on_json(void *ctx, void *data, size_t size)
{
    const struct event *e = data;

    (void)ctx, (void)size;
    printf("{\"ts\":%llu,\"cgroup\":%llu,\"pid\":%u,\"ppid\":%u,\"uid\":%u,\"sig\":%d,\"comm\":\"%s\"}\n", e->ts, e->cgroup, e->pid, e->ppid,
           e->uid, e->sig, e->comm);
    return 0;
}

int main(int argc, char **argv)
{
    struct core_bpf *skel = core_bpf__open();
    struct bpf_buffer *buffer;

    if (!skel || argc < 2)
        return 2;
    skel->rodata->target_pid = (uint32_t)atoi(argv[1]);
    if (core_bpf__load(skel) || core_bpf__attach(skel))
        return 1;
    buffer = bpf_buffer__new(skel->maps.events);
    if (bpf_buffer__open(buffer, on_json, NULL))
        return 1;
    while (bpf_buffer__poll(buffer, 1000) >= 0)
        ;
    return 1;
}
