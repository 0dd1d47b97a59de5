/* Tries every descriptor that it was not given: neighbour; what others in the same process have must not be among them. */
#include "check.h"
#include "maps.skel.h"

int main(void)
{
    struct maps_bpf *skel = maps_bpf__open();
    uint64_t value = 0;
    uint32_t key = 0;
    int reached = 0, mine[32], known, nr = 0;
    char line[16];

    if (!skel || maps_bpf__load(skel))
        return 1;
    for (int i = 0; i < skel->skeleton->map_cnt; i++)
        mine[nr++] = wasm_bpf_map_fd_by_name(skel->skeleton->obj, skel->skeleton->maps[i].name);
    value = 4711;
    check("my own", bpf_map_update_elem(bpf_map__fd(skel->maps.array), &key, &value, BPF_ANY), 0);
    printf("ready\n");
    fgets(line, sizeof(line), stdin); /* until the other one is ready too */
    for (int fd = 0; fd < 2000; fd++) {
        known = 0;
        for (int i = 0; i < nr; i++)
            known |= mine[i] == fd;
        if (!known && bpf_map_lookup_elem(fd, &key, &value) != -L_EBADF)
            reached++;
    }
    check("descriptors of others", reached, 0);
    value = 0;
    check("my own is mine", (bpf_map_lookup_elem(bpf_map__fd(skel->maps.array), &key, &value), (long long)value), 4711);
    return checked();
}
