#define _GNU_SOURCE
#include "signals.h"
#include "error.h"
#include "out.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TAKEN = 4 };
static const int numbers[TAKEN] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
static struct sigaction before[TAKEN];
static volatile sig_atomic_t count;
static volatile int descriptor = -1;

static void on_signal(int number) {
    uint64_t one = 1;
    int keep = errno;
    count++;
    if (write(descriptor, &one, sizeof(one)) < 0) {
        /* count says it too */
    }
    errno = keep;
    (void)number;
}

int eu_signals_take(void) {
    if (descriptor >= 0)
        return eu_fail(EBUSY, "take signals: another run has them");
    descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0)
        return eu_fail(errno, "take signals: %s", eu_strerror(errno));
    count = 0;
    for (int i = 0; i < TAKEN; i++) {
        /* no SA_RESTART: a second signal must get through to a write that blocks */
        struct sigaction action = {.sa_handler = numbers[i] == SIGPIPE ? SIG_IGN : on_signal};
        sigaction(numbers[i], NULL, &before[i]);
        if (before[i].sa_handler == SIG_IGN && numbers[i] == SIGHUP) /* nohup */
            continue;
        sigaction(numbers[i], &action, NULL);
    }
    return descriptor;
}

int eu_signals_count(void) {
    return descriptor >= 0 ? count : 0;
}

void eu_signals_restore(void) {
    if (descriptor < 0)
        return;
    for (int i = 0; i < TAKEN; i++)
        sigaction(numbers[i], &before[i], NULL);
    close(descriptor);
    descriptor = -1;
}
