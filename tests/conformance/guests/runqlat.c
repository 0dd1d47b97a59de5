/* How long runnable tasks waited: INTERVAL COUNT histograms. Keys are walked from one that is not there, as old guests must. */
#include "runqlat.skel.h"
#include <unistd.h>

enum { SLOTS = 26 };
struct hist {
    uint32_t slots[SLOTS];
    char comm[16];
};
_Static_assert(sizeof(struct hist) == 120, "");

static void print_log2(const uint32_t *slots)
{
    uint32_t most = 0;
    int last = -1;

    for (int i = 0; i < SLOTS; i++) {
        if (slots[i])
            last = i;
        if (slots[i] > most)
            most = slots[i];
    }
    printf("%10susecs%15s: count     distribution\n", "", "");
    for (int i = 0; i <= last; i++) {
        unsigned long long low = i ? 1ull << i : 0, high = (1ull << (i + 1)) - 1;
        int stars = (int)((uint64_t)slots[i] * 40 / most);

        printf("%10llu -> %-10llu : %-8u |%.*s%*s|\n", low, high, slots[i], stars, "****************************************", 40 - stars, "");
    }
}

static int print_hists(int fd)
{
    uint32_t key = (uint32_t)-2, next;
    struct hist hist;
    int result;

    while ((result = bpf_map_get_next_key(fd, &key, &next)) == 0) {
        if (bpf_map_lookup_elem(fd, &next, &hist) < 0)
            return printf("failed to lookup\n"), -1;
        print_log2(hist.slots);
        key = next;
    }
    if (result != -2) /* Linux's ENOENT */
        printf("end of the map: %d\n", result);
    key = (uint32_t)-2;
    while (bpf_map_get_next_key(fd, &key, &next) == 0) {
        if (bpf_map_delete_elem(fd, &next) < 0)
            return printf("failed to delete\n"), -1;
        key = next;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct runqlat_bpf *skel;
    int interval = argc > 1 ? atoi(argv[1]) : 1, count = argc > 2 ? atoi(argv[2]) : 1000, fd;

    if (argc > 1 && strcmp(argv[1], "-h") == 0)
        return printf("usage: runqlat [INTERVAL [COUNT]]\n"), 0;
    skel = runqlat_bpf__open();
    if (!skel)
        return 1;
    skel->rodata->per_process = false;
    if (runqlat_bpf__load(skel) || runqlat_bpf__attach(skel))
        return 1;
    fd = bpf_map__fd(skel->maps.hists);
    printf("Tracing run queue latency... Hit Ctrl-C to end.\n");
    while (count-- > 0) {
        sleep((unsigned)interval);
        printf("\n");
        if (print_hists(fd))
            return 1;
    }
    runqlat_bpf__destroy(skel);
    return 0;
}
