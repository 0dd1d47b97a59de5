// SPDX-License-Identifier: MIT
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "lsm.h"

#define EPERM 1

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile char kept[NAME_LEN] = "precious";

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
	return -EPERM;
}
