/* What programs in user space use of the kernel's <linux/perf_event.h>: what to sample; see <eunomia/perf.h>. */
#ifndef _LINUX_PERF_EVENT_H
#define _LINUX_PERF_EVENT_H
#include <eunomia/perf_event.h>

struct perf_event_header { __u32 type; __u16 misc, size; };

#endif
