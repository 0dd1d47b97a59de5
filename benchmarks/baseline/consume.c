/* The native side of what a guest does with records (guests/consume.c), and with a map (guests/lookup.c):
 *
 *   consume PID        add up the records of that process; when no more come, print how many there were so far
 *   consume lookup N   print the nanoseconds of one of N lookups in a hash map
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

__asm__(".section .rodata\n.balign 16\nobject_start: .incbin \"" OBJECT "\"\nobject_end: .previous\n");
extern const char object_start[], object_end[];

static unsigned long long sum;

static int add(void *context, void *data, size_t size) {
    sum += *(unsigned long long *)data;
    return 0;
}

static int lookups(int fd, unsigned long count) {
    unsigned long long key = 7, value = 11, total = 0;
    struct timespec begin, end;

    bpf_map_update_elem(fd, &key, &value, BPF_ANY);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (unsigned long i = 0; i < count; i++) {
        if (bpf_map_lookup_elem(fd, &key, &value))
            return 1;
        total += value;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.2f\n", ((end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec)) / count);
    return total != 11 * count;
}

int main(int argc, char **argv) {
    struct bpf_object *object = bpf_object__open_mem(object_start, object_end - object_start, NULL);
    unsigned long long shown = 0;
    struct ring_buffer *ring;
    size_t size;
    int *pid, err;

    if (argc < 2 || !object)
        return 2;
    pid = bpf_map__initial_value(bpf_object__find_map_by_name(object, ".rodata"), &size);
    *pid = atoi(argv[1]);
    if (bpf_object__load(object))
        return 1;
    if (strcmp(argv[1], "lookup") == 0)
        return lookups(bpf_object__find_map_fd_by_name(object, "numbers"), strtoul(argv[2], NULL, 10));
    if (!bpf_program__attach(bpf_object__find_program_by_name(object, "on_kill")))
        return 1;
    ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "records"), add, NULL, NULL);
    while (ring && ((err = ring_buffer__poll(ring, 300)) >= 0 || err == -EINTR)) /* when it was stopped and goes on */
        if (sum != shown) {
            printf("%llu\n", shown = sum);
            fflush(stdout);
        }
    return 1;
}
