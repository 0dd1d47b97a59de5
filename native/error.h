/* The last failure of this thread, and what libbpf said. */
#ifndef EUNOMIA_ERROR_H
#define EUNOMIA_ERROR_H

/* Keep "format" as this thread's error line and err as its errno; returns -err. err is positive. */
int eu_fail(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for functions that return pointers. */
#define eu_fail_null(...) (eu_fail(__VA_ARGS__), NULL)
/* Forget the last failure, keep the log. */
void eu_error_clear(void);
enum { EU_ENOTSUPP = 524 }; /* the kernel's own ENOTSUPP, which libc cannot name */
/* strerror in lower case; knows the kernel's error 524. */
const char *eu_reason(int err);
/* Send libbpf's messages to this thread's log; called before every use of libbpf. */
void eu_log_start(void);
#endif
