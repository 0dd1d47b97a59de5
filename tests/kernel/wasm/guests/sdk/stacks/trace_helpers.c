#include "trace_helpers.h"
#error "left out, too"
