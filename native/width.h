/* Columns that text takes on a terminal. */
#ifndef EUNOMIA_WIDTH_H
#define EUNOMIA_WIDTH_H
#include <stddef.h>

/* Bytes of the first character of UTF-8 text (size is not 0), and how many columns it takes: 0, 1 or 2. */
size_t eu_width_step(const char *text, size_t size, size_t *columns);
size_t eu_width(const char *text, size_t size);
#endif
