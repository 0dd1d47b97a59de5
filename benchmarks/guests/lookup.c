/* Prints the nanoseconds of one of N lookups in a hash map: lookup N. */
#include "record.skel.h"
#include <time.h>

int main(int argc, char **argv)
{
    struct record_bpf *skel = record_bpf__open();
    unsigned long long key = 7, value = 11, total = 0;
    long count = argc > 1 ? atol(argv[1]) : 1;
    struct timespec begin, end;
    int fd;

    if (!skel || record_bpf__load(skel))
        return 1;
    fd = bpf_map__fd(skel->maps.numbers);
    bpf_map_update_elem(fd, &key, &value, BPF_ANY);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long i = 0; i < count; i++) {
        if (bpf_map_lookup_elem(fd, &key, &value))
            return 1;
        total += value;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.2f\n", ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / (double)count);
    return total != 11ull * (unsigned long long)count;
}
