#pragma GCC system_header
#include <sys/socket.h>
#include_next <arpa/inet.h>
#ifndef EUNOMIA_ARPA_INET_H
#define EUNOMIA_ARPA_INET_H
#include <eunomia/base.h>
#include <stdio.h>
/* Valid until the next call. */
EU_API char *inet_ntoa(struct in_addr address)
{
	static char text[16];
	const unsigned char *bytes = (const unsigned char *)&address;

	snprintf(text, sizeof(text), "%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3]);
	return text;
}

#define inet_ntop(family, address, text, size) (inet_ntop)(eunomia_family(family), address, text, size)
#define inet_pton(family, text, address) (inet_pton)(eunomia_family(family), text, address)
#endif
