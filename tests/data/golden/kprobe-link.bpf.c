#include "shapes.h"
PROG("kprobe/do_unlinkat", do_unlinkat) { printk("enter\n"); return 0; }
PROG("kretprobe/do_unlinkat", do_unlinkat_exit) { printk("exit\n"); return 0; }
