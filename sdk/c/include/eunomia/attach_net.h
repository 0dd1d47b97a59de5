/* libbpf's ways to interfaces that make no link: bpf_tc_* and bpf_xdp_*. What is attached ends with the guest, as a link does. */
#ifndef EUNOMIA_ATTACH_NET_H
#define EUNOMIA_ATTACH_NET_H
#pragma GCC system_header
#include <eunomia/elements.h>
#include <eunomia/attach.h>
#include <linux/if_link.h>

enum bpf_tc_attach_point { BPF_TC_INGRESS = 1, BPF_TC_EGRESS = 2, BPF_TC_CUSTOM = 4 };
enum bpf_tc_flags { BPF_TC_F_REPLACE = 1 };
#define BPF_TC_PARENT(a, b) ((a) << 16 & 0xffff0000u | (b) & 0xffff)
struct bpf_tc_hook { size_t sz; int ifindex; enum bpf_tc_attach_point attach_point; __u32 parent; size_t dummy; };
struct bpf_tc_opts { size_t sz; int prog_fd; __u32 flags, prog_id, handle, priority; size_t dummy; };

/* Of one interface, side and place; side 0: XDP. */
struct eu_net_link {
	struct eu_net_link *next;
	int ifindex, side;
	__u32 handle, priority;
	struct bpf_link *link;
};
EU_VAR struct eu_net_link *eu_net_links;

EU_API struct eu_net_link **eu_net_link_at(int ifindex, int side, __u32 handle, __u32 priority)
{
	struct eu_net_link **at = &eu_net_links;

	while (*at && ((*at)->ifindex != ifindex || (*at)->side != side || (*at)->handle != handle || (*at)->priority != priority))
		at = &(*at)->next;
	return at;
}

EU_API int eu_net_detach(int ifindex, int side, __u32 handle, __u32 priority)
{
	struct eu_net_link **at = eu_net_link_at(ifindex, side, handle, priority), *own = *at;
	int result;

	if (!own)
		return eu_err(-ENOENT);
	*at = own->next;
	result = bpf_link__destroy(own->link);
	free(own);
	return result;
}

EU_API int eu_net_attach(int prog_fd, const char *kind, struct eu_net_link wanted, const char *options)
{
	struct eu_net_link *own = *eu_net_link_at(wanted.ifindex, wanted.side, wanted.handle, wanted.priority);
	struct bpf_program *program = eu_program_of(prog_fd);
	char number[16], quoted[64];
	const char *name = eu_interface_name(wanted.ifindex);

	if (!program || own)
		return eu_err(own ? -EEXIST : -EBADF);
	own = (struct eu_net_link *)malloc(sizeof(*own));
	if (!own)
		return eu_err(-ENOMEM);
	snprintf(number, sizeof(number), "%d", wanted.ifindex);
	wanted.link = eu_attach_to(program, "%s:%s%s", kind, eu_quoted(name ? name : number, quoted, sizeof(quoted)), options);
	if (!wanted.link) {
		free(own);
		return -errno;
	}
	wanted.next = eu_net_links;
	*own = wanted;
	eu_net_links = own;
	return 0;
}

/* The queueing discipline that tc needs, the host makes when a program attaches. */
EU_API int bpf_tc_hook_create(struct bpf_tc_hook *hook)
{
	return hook && hook->ifindex > 0 && hook->attach_point <= (BPF_TC_INGRESS | BPF_TC_EGRESS) ? 0 : eu_err(-EINVAL);
}

EU_API int bpf_tc_hook_destroy(struct bpf_tc_hook *hook)
{
	return bpf_tc_hook_create(hook);
}

EU_API int bpf_tc_attach(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts)
{
	struct eu_net_link wanted = {};
	char options[64];
	int length;

	if (!hook || !opts || (hook->attach_point != BPF_TC_INGRESS && hook->attach_point != BPF_TC_EGRESS))
		return eu_err(-EINVAL);
	if (!opts->handle)
		opts->handle = 1;
	if (!opts->priority)
		opts->priority = 1;
	wanted.ifindex = hook->ifindex;
	wanted.side = hook->attach_point;
	wanted.handle = opts->handle;
	wanted.priority = opts->priority;
	if (opts->flags & BPF_TC_F_REPLACE)
		eu_net_detach(wanted.ifindex, wanted.side, wanted.handle, wanted.priority);
	length = snprintf(options, sizeof(options), ":%s", wanted.side == BPF_TC_EGRESS ? "egress" : "ingress");
	snprintf(options + length, sizeof(options) - length, ",handle=%u,prio=%u", opts->handle, opts->priority);
	return eu_net_attach(opts->prog_fd, "tc", wanted, options);
}

EU_API int bpf_tc_detach(const struct bpf_tc_hook *hook, const struct bpf_tc_opts *opts)
{
	return hook && opts ? eu_net_detach(hook->ifindex, hook->attach_point, opts->handle, opts->priority) : eu_err(-EINVAL);
}

/* Of what this guest attached. */
EU_API int bpf_tc_query(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts)
{
	return *eu_net_link_at(hook->ifindex, hook->attach_point, opts->handle, opts->priority) ? 0 : eu_err(-ENOENT);
}

EU_API int bpf_xdp_attach(int ifindex, int prog_fd, __u32 flags, const struct bpf_xdp_attach_opts *)
{
	struct eu_net_link wanted = {};

	if (prog_fd < 0)
		return eu_net_detach(ifindex, 0, 0, 0);
	if (!(flags & XDP_FLAGS_UPDATE_IF_NOEXIST))
		eu_net_detach(ifindex, 0, 0, 0);
	wanted.ifindex = ifindex;
	return eu_net_attach(prog_fd, "iface", wanted, flags & XDP_FLAGS_SKB_MODE   ? ",generic"
						       : flags & XDP_FLAGS_DRV_MODE ? ",native"
										    : "");
}

EU_API int bpf_xdp_detach(int ifindex, __u32, const struct bpf_xdp_attach_opts *)
{
	return eu_net_detach(ifindex, 0, 0, 0);
}
#define bpf_set_link_xdp_fd(ifindex, fd, flags) bpf_xdp_attach(ifindex, fd, flags, NULL)
#endif
