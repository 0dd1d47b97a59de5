/* Provokes events on command: reads "COUNT\n" from standard input, sends COUNT signals to itself as fast as it can, and answers
 * "NANOSECONDS\n" of its CPU time (others may want the CPU too), again and again until end of input. With the argument `null` it
 * sends signal 0 (kill(2) only, nothing is delivered), otherwise SIGURG, which is ignored by default. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static unsigned long long now(void) {
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

int main(int argc, char **argv) {
    int number = argc > 1 && !strcmp(argv[1], "null") ? 0 : SIGURG;
    pid_t self = getpid();
    unsigned long count;

    printf("%d\n", self);
    fflush(stdout);
    while (scanf("%lu", &count) == 1) {
        unsigned long long start = now();

        while (count--)
            kill(self, number);
        printf("%llu\n", now() - start);
        fflush(stdout);
    }
    return 0;
}
