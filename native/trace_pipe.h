/* Lines of bpf_printk. */
#ifndef EUNOMIA_TRACE_PIPE_H
#define EUNOMIA_TRACE_PIPE_H
#include "eunomia.h"
#include "out.h"

/* A descriptor of trace_pipe that does not block, or -errno. */
int eu_trace_pipe_open(void);
/* Append the lines that are there; returns how many, or -errno. `rest` keeps a line that is not whole yet. */
long eu_trace_pipe_read(int fd, struct eu_out *rest, struct eu_out *out, const struct eu_format *format);
#endif
