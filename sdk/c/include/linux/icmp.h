#include <netinet/ip_icmp.h>
