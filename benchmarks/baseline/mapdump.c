/* Yardstick for reading a large hash map: a map of N elements read with bpf_map_lookup_batch, printed as nanoseconds of CPU an element. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <bpf/bpf.h>

enum { BATCH = 4096 };

static double now(void) {
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv) {
    unsigned int count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, read = 0, batch, step, position;
    unsigned long long *keys = malloc(BATCH * 8), *values = malloc(BATCH * 8), sum = 0;
    int map = bpf_map_create(BPF_MAP_TYPE_HASH, "bench", 8, 8, count, NULL), err = 0;
    double start;

    if (map < 0 || !keys || !values)
        return 1;
    for (unsigned long long key = 0; key < count; key++)
        if (bpf_map_update_elem(map, &key, &key, BPF_ANY))
            return 1;
    start = now();
    for (void *from = NULL; !err; from = &position) {
        step = BATCH;
        err = bpf_map_lookup_batch(map, from, &batch, keys, values, &step, NULL);
        position = batch;
        for (unsigned int i = 0; i < step; i++)
            sum += keys[i] + values[i];
        read += step;
    }
    printf("%.2f %u %llu\n", (now() - start) / read, read, sum);
    return 0;
}
