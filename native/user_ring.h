/* Producers of user ring buffers; eu_map_submit() is in api_object.h. */
#ifndef EUNOMIA_USER_RING_H
#define EUNOMIA_USER_RING_H
#include "object.h"

void eu_user_rings_free(struct eu_object *object);
#endif
