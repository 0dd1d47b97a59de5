/* State files and the directory that they are in. */
#ifndef EUNOMIA_STATE_H
#define EUNOMIA_STATE_H
#include "eunomia.h"
#endif
