#include "shapes.h"
struct str_t { __u32 pid; char str[80]; };
PERF_MAP(events);
EXPORT(str_t);
PROG("uretprobe//bin/bash:readline", printret) { return 0; }
