#ifndef __MAP_HELPERS_H
#define __MAP_HELPERS_H
#error "the project's own, which must be left out"
#endif
