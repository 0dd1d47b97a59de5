/* Defines what newer kernels' vmlinux.h and newer libbpf define too. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct file { int f_mode; } __attribute__((preserve_access_index));
typedef long long pid_t;
enum { BPF_ANY = 0 };
static int bpf_dynptr_size(int size) { return size; }
static long (*bpf_get_prandom_u32)(void) = (void *)7;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	pid_t mode = bpf_dynptr_size(BPF_CORE_READ(task, mm, exe_file, f_mode)) + BPF_ANY;

	bpf_ringbuf_output(&events, &mode, sizeof(mode), 0);
	return 0;
}
