/* Guests that check their host by themselves: a line for each check, and how many failed at the end. */
#ifndef CHECK_H
#define CHECK_H
#include <stdint.h>
#include <stdio.h>

/* Linux's numbers, which are not wasi-libc's. */
enum { L_EPERM = 1, L_ENOENT = 2, L_E2BIG = 7, L_EBADF = 9, L_EAGAIN = 11, L_EFAULT = 14, L_EBUSY = 16, L_EEXIST = 17, L_EINVAL = 22 };
static int checks, failed;

static inline void check(const char *name, long long got, long long want)
{
    checks++;
    if (got == want)
        printf("ok %s\n", name);
    else
        failed++, printf("FAIL %s: %lld, expected %lld\n", name, got, want);
}

static inline void check_between(const char *name, long long got, long long low, long long high)
{
    checks++;
    if (got >= low && got <= high)
        printf("ok %s\n", name);
    else
        failed++, printf("FAIL %s: %lld, expected %lld to %lld\n", name, got, low, high);
}

/* An error as the interface has them, whichever. */
static inline void check_error(const char *name, long long got) { check_between(name, got, -4095, -1); }

static inline int checked(void)
{
    printf("%d checks, %d failed\n", checks, failed);
    return failed != 0;
}
#endif
