/* Counts connections of a control group: by its path, with `fd N` by the preopened directory N. */
#include "sockops.skel.h"
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockops_bpf *skel = sockops_bpf__open();
    uint32_t key = 0, values[2 * 256] = {0}, sum = 0;
    int err;

    if (!skel)
        return -1;
#if HEADER >= 2026
    if (argc > 2)
        bpf_set_prog_attach_target_fd(skel->progs.count_connections, atoi(argv[2]));
    else
#endif
        bpf_set_prog_attach_target(skel->progs.count_connections, argc > 1 ? argv[1] : "/sys/fs/cgroup/");
    if (sockops_bpf__load(skel))
        return -1;
    if ((err = sockops_bpf__attach(skel)))
        return printf("failed to attach: %d\n", err), -1;
    printf("ready\n");
    for (int second = 0; second < 600 && sum == 0; second++) {
        usleep(100000);
        if (bpf_map_lookup_elem(bpf_map__fd(skel->maps.established), &key, values))
            return printf("failed to lookup\n"), -1;
        for (int cpu = 0; cpu < 256; cpu++)
            sum += values[2 * cpu]; /* 4 bytes for each CPU, in 8 */
    }
    printf("connections: %u\n", sum);
    sockops_bpf__destroy(skel);
    return 0;
}
