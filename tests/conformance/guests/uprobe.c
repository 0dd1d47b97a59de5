/* Counts the calls of a function of ./target, and its returns. */
#include "uprobe.skel.h"
#include <unistd.h>

int main(void)
{
    struct uprobe_bpf *skel = uprobe_bpf__open();
    uint64_t counts[2] = {0};
    int err, fd;

    if (!skel || uprobe_bpf__load(skel))
        return -1;
    if ((err = uprobe_bpf__attach(skel)))
        return printf("failed to attach: %d\n", err), -1;
    fd = bpf_map__fd(skel->maps.counts);
    printf("ready\n");
    for (int tenth = 0; tenth < 200 && counts[1] < 3; tenth++) {
        usleep(100000);
        for (uint32_t key = 0; key < 2; key++)
            bpf_map_lookup_elem(fd, &key, &counts[key]);
    }
    printf("calls: %llu, returns: %llu\n", counts[0], counts[1]);
    uprobe_bpf__destroy(skel);
    return 0;
}
