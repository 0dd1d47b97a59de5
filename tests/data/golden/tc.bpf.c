#include "shapes.h"
PROG("tc", tc_ingress) { printk("packet\n"); return 0; }
