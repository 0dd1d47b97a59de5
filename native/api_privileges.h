#ifndef API_PRIVILEGES_H
#define API_PRIVILEGES_H
/* Capabilities of this thread, and giving them up. Read by cffi: plain declarations only. */

/* The effective capabilities as bits; 0 where they cannot be read. */
uint64_t eu_capabilities(void);

/* The number of the capability that this kernel asks of who opens performance events (uprobe: uprobes), found by trying: CAP_PERFMON,
 * or CAP_SYS_ADMIN; -1: this process cannot try. */
int eu_perf_capability(int uprobe);
/* Whether this kernel asks for CAP_BPF at every use of bpf(2), not only where something is made. */
int eu_bpf_is_guarded(void);

struct eu_run;
struct eu_object;
/* Everything is loaded and attached: keep only the capabilities that reading, showing and detaching need, for good, and gain none
 * by exec any more. The whole process must be this one thread. Returns 0, or -errno. */
int eu_run_drop(struct eu_run *run, struct eu_object *object);
/* Let the kernel refuse every system call that a run has no use for, in all threads and for good.
 * Returns 1; 0 where the kernel has no such filters; or -errno. */
int eu_seccomp(void);
#endif
