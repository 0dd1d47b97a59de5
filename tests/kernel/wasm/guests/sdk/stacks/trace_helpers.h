#ifndef __TRACE_HELPERS_H
#define __TRACE_HELPERS_H
#error "the project's own, which must be left out"
#endif
