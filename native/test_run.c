/* BPF_PROG_TEST_RUN, and the text of iterators. */
#define _GNU_SOURCE
#include "attach.h"
#include "error.h"
#include "uapi.h"
#include <errno.h>
#include <stdio.h>

enum { ENOTSUPP_OF_KERNEL = 524, ETHERNET_HEADER = 14 };

/* The kernel repeats these itself, and measures; the others run once a call and refuse to be told a number. */
static int repeats(enum bpf_prog_type type) {
    switch ((int)type) {
    case BPF_PROG_TYPE_XDP:
    case BPF_PROG_TYPE_SCHED_CLS:
    case BPF_PROG_TYPE_SCHED_ACT:
    case BPF_PROG_TYPE_SOCKET_FILTER:
    case BPF_PROG_TYPE_CGROUP_SKB:
    case BPF_PROG_TYPE_LWT_IN:
    case BPF_PROG_TYPE_LWT_OUT:
    case BPF_PROG_TYPE_LWT_XMIT:
    case BPF_PROG_TYPE_LWT_SEG6LOCAL:
    case BPF_PROG_TYPE_FLOW_DISSECTOR:
    case BPF_PROG_TYPE_SK_LOOKUP:
    case EU_PROG_TYPE_NETFILTER:
        return 1;
    default:
        return 0;
    }
}

static int run_failed(const struct bpf_program *prog, int err, const struct eu_test_run *run) {
    const char *cause = eu_reason(err);
    if (err == ENOTSUPP_OF_KERNEL || err == EOPNOTSUPP || (err == EFAULT && bpf_program__type(prog) == BPF_PROG_TYPE_TRACING))
        cause = "this kernel does not test-run programs of this type";
    else if (err == EINVAL && repeats(bpf_program__type(prog)) && run->data && run->data_size < ETHERNET_HEADER)
        cause = "a packet begins with an Ethernet header, 14 bytes";
    else if (err == EINVAL)
        cause = run->data_size || run->context_size
                    ? "this type of program takes no such data or context, or more of it"
                    : "this type of program needs data or a context, or attaches to a function that cannot be test-run";
    else if (err == ENOSPC || err == E2BIG)
        cause = "data or context is longer than the kernel takes";
    return eu_fail(err, "test-run program %s (%s): %s", bpf_program__name(prog), bpf_program__section_name(prog), cause);
}

int eu_prog_test_run(struct eu_object *object, int index, struct eu_test_run *run) {
    const struct bpf_program *prog = eu_prog(object, index);
    if (!prog)
        return -EINVAL;
    if (!object->loaded || bpf_program__fd(prog) < 0)
        return eu_fail(EINVAL, "test-run program %s: it is not loaded", bpf_program__name(prog));
    int in_kernel = repeats(bpf_program__type(prog));
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = run->data, .data_size_in = run->data_size, .ctx_in = run->context,
                .ctx_size_in = run->context_size, .data_out = run->data_out, .data_size_out = run->data_out_size,
                .ctx_out = run->context_out, .ctx_size_out = run->context_out_size, .repeat = in_kernel ? run->repeat : 0);
    for (uint32_t i = 0; i < (in_kernel ? 1 : run->repeat); i++) {
        options.data_size_out = run->data_out_size;
        options.ctx_size_out = run->context_out_size;
        if (bpf_prog_test_run_opts(bpf_program__fd(prog), &options) && errno != ENOSPC)
            return run_failed(prog, errno, run);
    }
    run->result = options.retval;
    run->duration_ns = in_kernel ? options.duration : 0;
    run->data_out_size = options.data_size_out;
    run->context_out_size = options.ctx_size_out;
    return 0;
}

int eu_prog_iterate(struct eu_object *object, int index) {
    const struct bpf_program *prog = eu_prog(object, index);
    if (!prog)
        return -EINVAL;
    for (const struct eu_attachment *at = object->attachments; at; at = at->next)
        if (at->prog == index && at->link && bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER) {
            int fd = bpf_iter_create(bpf_link__fd(at->link));
            return fd >= 0 ? fd : eu_fail(errno, "iterate program %s: %s", bpf_program__name(prog), eu_reason(errno));
        }
    return eu_fail(EINVAL, "iterate program %s (%s): not an attached iterator", bpf_program__name(prog), bpf_program__section_name(prog));
}
