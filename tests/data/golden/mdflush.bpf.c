#include "shapes.h"
struct event { unsigned int pid; char comm[16]; char disk[32]; };
PERF_MAP(events);
EXPORT(event);
PROG("fentry/md_flush_request", md_flush_request) { return 0; }
