#include "shapes.h"
PROG("fentry/do_unlinkat", do_unlinkat) { printk("enter\n"); return 0; }
PROG("fexit/do_unlinkat", do_unlinkat_exit) { printk("exit\n"); return 0; }
