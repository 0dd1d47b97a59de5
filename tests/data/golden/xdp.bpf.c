#include "shapes.h"
PROG("xdp", xdp_pass) { printk("packet\n"); return 2; }
