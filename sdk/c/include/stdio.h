#pragma GCC system_header
#include_next <stdio.h>
#ifndef EUNOMIA_STDIO_H
#define EUNOMIA_STDIO_H
#ifndef __cplusplus
/* As glibc's, which looks at no buffer of which 0 bytes are said to be there. */
static inline __attribute__((unused)) long eunomia_getline(char **line, size_t *size, FILE *file)
{
	if (!*size)
		*line = 0;
	return (getline)(line, size, file);
}
#define getline(line, size, file) eunomia_getline(line, size, file)
#endif
#endif
