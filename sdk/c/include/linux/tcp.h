#include <netinet/tcp.h>
