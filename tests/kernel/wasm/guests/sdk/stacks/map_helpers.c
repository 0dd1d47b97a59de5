#include "map_helpers.h"
#error "left out, too"
