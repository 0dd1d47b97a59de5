#include "shapes.h"
const volatile __u32 blockme = 16843009;
PROG("lsm/socket_connect", restrict_connect) { printk("connect\n"); return blockme; }
