/* System calls that guests may ask for by syscall(2); see <eunomia/perf.h>. */
#ifndef EUNOMIA_ASM_UNISTD_H
#define EUNOMIA_ASM_UNISTD_H
#define __NR_getpid 39
#define __NR_gettid 186
#define __NR_perf_event_open 298
#define __NR_bpf 321
#define SYS_getpid __NR_getpid
#define SYS_gettid __NR_gettid
#define SYS_perf_event_open __NR_perf_event_open
#define SYS_bpf __NR_bpf
#include <eunomia/perf.h>
#endif
