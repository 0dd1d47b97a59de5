/* Links that come as descriptors, and those of netfilter. */
#ifndef EUNOMIA_LINKS_H
#define EUNOMIA_LINKS_H
#pragma GCC system_header
#include <eunomia/denied.h>
#include <eunomia/perf.h>

enum { EU_LINK_FD = 0x28000000 }; /* above all that close() knows: such a link ends with the guest, or by bpf_link_detach() */
struct bpf_link_create_opts {
	size_t sz;
	__u32 flags;
	void *iter_info;
	__u32 iter_info_len, target_btf_id;
	union {
		struct { __u64 bpf_cookie; } perf_event;
		struct { __u32 flags, cnt; const char **syms; const unsigned long *addrs; const __u64 *cookies; } kprobe_multi;
		struct { __u64 cookie; } tracing;
		struct { __u32 pf, hooknum; __s32 priority; __u32 flags; } netfilter;
		struct { __u32 relative_fd, relative_id; __u64 expected_revision; } tcx;
		struct { __u32 relative_fd, relative_id; __u64 expected_revision; } netkit;
	};
};

/* perf.h may be the header that has this one included. */
EU_API struct bpf_link *bpf_program__attach_perf_event(const struct bpf_program *program, int fd);

EU_API struct bpf_link *bpf_program__attach_netfilter(const struct bpf_program *program, const struct bpf_netfilter_opts *opts)
{
	static const char *const hooks[] = {"prerouting", "input", "forward", "output", "postrouting"};

	if (!opts || (opts->pf != 2 /* NFPROTO_IPV4 */ && opts->pf != 10 /* NFPROTO_IPV6 */) || opts->hooknum > 4 || opts->flags > 1)
		return (struct bpf_link *)eu_null(EINVAL);
	return eu_attach_to((struct bpf_program *)program, "netfilter:%s:%s,prio=%d%s", opts->pf == 2 ? "ipv4" : "ipv6",
			    hooks[opts->hooknum], opts->priority, opts->flags ? ",defrag" : "");
}

EU_API struct bpf_link *eu_link_create(const struct bpf_program *program, int target, enum bpf_attach_type type,
				       const struct bpf_link_create_opts *opts)
{
	struct bpf_netfilter_opts netfilter = {};

	switch (type) {
	case BPF_XDP:
		return bpf_program__attach_xdp(program, target);
	case BPF_TCX_INGRESS:
	case BPF_TCX_EGRESS:
		return bpf_program__attach_tcx(program, target, NULL);
	case BPF_NETKIT_PRIMARY:
	case BPF_NETKIT_PEER:
		return bpf_program__attach_netkit(program, target, NULL);
	case BPF_FLOW_DISSECTOR:
	case BPF_SK_LOOKUP:
		return bpf_program__attach_netns(program, target);
	case BPF_SK_SKB_STREAM_PARSER:
	case BPF_SK_SKB_STREAM_VERDICT:
	case BPF_SK_SKB_VERDICT:
	case BPF_SK_MSG_VERDICT:
		return bpf_program__attach_sockmap(program, target);
	case BPF_PERF_EVENT:
		return bpf_program__attach_perf_event(program, target);
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
	case BPF_MODIFY_RETURN:
	case BPF_TRACE_RAW_TP:
	case BPF_LSM_MAC:
		return bpf_program__attach_trace(program);
	case BPF_NETFILTER:
		if (!opts)
			return (struct bpf_link *)eu_null(EINVAL);
		netfilter.pf = opts->netfilter.pf;
		netfilter.hooknum = opts->netfilter.hooknum;
		netfilter.priority = opts->netfilter.priority;
		netfilter.flags = opts->netfilter.flags;
		return bpf_program__attach_netfilter(program, &netfilter);
	default: /* of control groups, else none */
		if (program->info.type != BPF_PROG_TYPE_TRACING && program->info.type != BPF_PROG_TYPE_STRUCT_OPS)
			return bpf_program__attach_cgroup(program, target);
		eu_denied("bpf_link_create", "no such place for a link [bpf_program__attach]");
		return NULL;
	}
}

EU_API int bpf_link_create(int prog_fd, int target_fd, enum bpf_attach_type type, const struct bpf_link_create_opts *opts)
{
	struct bpf_program *program = eu_program_of(prog_fd);
	struct bpf_link *link = program ? eu_link_create(program, target_fd, type, opts) : (struct bpf_link *)eu_null(EBADF);
	int fd = link ? EU_LINK_FD + link->id : -errno;

	if (link)
		eu_forget_link(link);
	return fd;
}

EU_API int bpf_link_detach(int fd)
{
	return eu_err(fd > EU_LINK_FD && fd < EU_LINK_FD + 0x100000 ? wasm_bpf_link_detach(fd - EU_LINK_FD) : -EBADF);
}
#endif
