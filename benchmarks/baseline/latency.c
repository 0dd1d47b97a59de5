/* How long an event that comes alone takes until its line is in the reader's output: calls kill(2) after random gaps of 1 to 20 ms and reads
 * the pipe that a tool writes its events into.
 *
 *   latency COUNT PIPE    prints its process id, waits for a line on standard input, then prints the microseconds: "MEDIAN P99 MAX\n"
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static unsigned long long now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    const unsigned long long *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv) {
    char line[4096];
    int count = argc > 1 ? atoi(argv[1]) : 0, pipe = argc > 2 ? atoi(argv[2]) : -1;
    unsigned long long *took = calloc(count + 1, sizeof(*took));

    if (count < 1 || !took)
        return 2;
    printf("%d\n", getpid());
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        return 1;
    for (int i = 0; i < count; i++) {
        usleep(1000 + rand() % 19000);
        unsigned long long start = now();
        kill(getpid(), 0);
        do { /* one line each, without a header */
            if (read(pipe, line, 1) != 1)
                return 1;
            if (!took[i])
                took[i] = now() - start;
        } while (line[0] != '\n');
    }
    qsort(took, count, sizeof(*took), by_size);
    printf("%.1f %.1f %.1f\n", took[count / 2] / 1e3, took[count * 99 / 100] / 1e3, took[count - 1] / 1e3);
    return 0;
}
