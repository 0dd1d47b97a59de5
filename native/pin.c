/* What of an object's attachments can be pinned: those that are links of the kernel. */
#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include "object.h"
#include <errno.h>

static struct eu_attachment *find(struct eu_object *object, int index) {
    struct eu_attachment *at = object->attachments;
    while (at && index-- > 0)
        at = at->next;
    return at;
}

static int is_link(int fd) {
    struct bpf_link_info info = {0};
    uint32_t size = sizeof(info);
    return fd >= 0 && !bpf_link_get_info_by_fd(fd, &info, &size);
}

static const char *why_not(const struct eu_attachment *at) {
    if (at->undoing)
        switch (at->undoing->kind) {
        case EU_UNDO_TC:
            return "a tc filter is no link [attach it with tcx:NAME, kernel 6.6]";
        case EU_UNDO_XDP:
            return "it took another's place by netlink, which is no link";
        case EU_UNDO_STRUCT_OPS:
            return "it has no link [SEC(\".struct_ops.link\"), kernel 6.4]";
        case EU_UNDO_NETLINK:
            return "a route is no link";
        default:
            return "the filter of a socket is no link";
        }
    return at->link ? "this kernel has no link for it [5.15 or newer has one for perf events, uprobes and tracepoints; none has for USDT]"
                    : "the kernel has no link for it";
}

int eu_attached(struct eu_object *object, int index, struct eu_attached *attached) {
    const struct eu_attachment *at = find(object, index);
    if (!at)
        return 0;
    int fd = at->link ? bpf_link__fd(at->link) : at->undoing ? -1 : at->fd;
    *attached = (struct eu_attached){at->prog, is_link(fd) ? fd : -1, at->pinned, NULL};
    if (attached->fd < 0 && (at->link || at->undoing || at->fd >= 0))
        attached->why = why_not(at);
    return 1;
}

int eu_attached_set_pinned(struct eu_object *object, int index, int pinned) {
    struct eu_attachment *at = find(object, index);
    if (!at)
        return eu_fail(EINVAL, "attachment %d: there is none", index);
    at->pinned = pinned;
    return 0;
}
