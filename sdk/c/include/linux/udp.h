#include <netinet/udp.h>
