/* Tracepoint ids, without mounting tracefs for others. */
#ifndef EUNOMIA_TRACEFS_H
#define EUNOMIA_TRACEFS_H
/* The id of tracepoint CATEGORY/NAME, or -errno with eu_error() set. */
int eu_tracepoint_id(const char *tracepoint);
#endif
