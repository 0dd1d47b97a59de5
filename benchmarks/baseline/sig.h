/* The record that the baselines and the measured packages share: 7 fields, 48 bytes (56 in the ring). */
#ifndef SIG_H
#define SIG_H
struct event {
    unsigned long long ts;
    unsigned long long cgroup;
    unsigned int pid;
    unsigned int ppid;
    unsigned int uid;
    int sig;
    char comm[16];
};
#endif
