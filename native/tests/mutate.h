/* Mutations without libFuzzer: numbers that parsers trip over, bytes, and shorter inputs. */
#ifndef EUNOMIA_TESTS_MUTATE_H
#define EUNOMIA_TESTS_MUTATE_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t mutate_state = 88172645463325252u;

static uint32_t next(uint32_t below) {
    mutate_state ^= mutate_state << 13;
    mutate_state ^= mutate_state >> 7;
    mutate_state ^= mutate_state << 17;
    return below ? (uint32_t)(mutate_state >> 11) % below : 0;
}

/* Change one to four places of data; returns its new size. */
static size_t mutate(uint8_t *data, size_t size) {
    static const uint32_t values[] = {0, 1, 2, 7, 8, 16, 31, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
    for (uint32_t n = 1 + next(4); n && size; n--) {
        size_t at = next((uint32_t)size);
        if (next(2) && size >= 4) {
            uint32_t value = next(2) ? values[next(16)] : next(64);
            at = next((uint32_t)(size / 4)) * 4;
            memcpy(data + at, &value, 4);
        } else {
            data[at] = next(3) ? (uint8_t)next(256) : data[at] + 1;
        }
    }
    return size > 64 && !next(8) ? size - next(40) : size;
}

static size_t read_seed(const char *path, uint8_t *bytes, size_t room) {
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(bytes, 1, room, file) : 0;
    if (file)
        fclose(file);
    return size;
}

/* SECONDS FILE...: run each seed, then mutations of them in turn until the time is over. */
static inline int mutate_files(int argc, char **argv, int (*run)(const uint8_t *data, size_t size)) {
    static uint8_t data[1 << 20];
    time_t end = time(NULL) + (argc > 1 ? atol(argv[1]) : 0);
    long executions = 0;
    mutate_state ^= (uint64_t)time(NULL) << 20;
    for (int i = 2; i < argc; i++, executions++)
        run(data, read_seed(argv[i], data, sizeof(data)));
    while (argc > 2 && time(NULL) < end)
        for (int i = 2; i < argc; i++)
            for (int round = 0; round < 64; round++, executions++) {
                size_t size = read_seed(argv[i], data, sizeof(data));
                run(data, mutate(data, size));
            }
    printf("%ld executions\n", executions);
    return 0;
}
#endif
