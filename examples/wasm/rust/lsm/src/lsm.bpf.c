// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1
#define NAME_LEN 64

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile char kept[NAME_LEN] = "precious";

struct event {
	__u32 pid;
	__u32 uid;
	char comm[16];
	char name[NAME_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

static bool is_kept(const char *name)
{
	for (int i = 0; i < NAME_LEN; i++) {
		if (name[i] != kept[i])
			return false;
		if (!name[i])
			return true;
	}
	return false;
}

/* Asked before a folder is removed, after the usual permissions have been checked. The result is the system call's: 0, or
 * an error. `ret` is what a program that was asked before said; where it forbade, so do we. */
SEC("lsm/inode_rmdir")
int BPF_PROG(keep_folder, struct inode *dir, struct dentry *dentry, int ret)
{
	struct event *event;
	char name[NAME_LEN];

	if (ret)
		return ret;
	bpf_probe_read_kernel_str(name, sizeof(name), dentry->d_name.name);
	if (!is_kept(name))
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->pid = bpf_get_current_pid_tgid() >> 32;
		event->uid = bpf_get_current_uid_gid();
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		__builtin_memcpy(event->name, name, sizeof(event->name));
		bpf_ringbuf_submit(event, 0);
	}
	return -EPERM; /* even if the event is lost */
}
