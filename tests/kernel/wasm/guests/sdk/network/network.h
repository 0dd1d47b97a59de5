#ifndef NETWORK_H
#define NETWORK_H
struct task_struct;
struct key { struct task_struct *task; };
struct value {
    size_t size;
    ssize_t below;
    char *name, first;
    int last;
};
#endif
