#ifndef EUNOMIA_SYSCALLS_H
#define EUNOMIA_SYSCALLS_H
#include <stdint.h>
/* Name of a system call of the machine this was built for, or NULL. */
const char *eu_syscall_name(uint64_t number);
#endif
