/* SPDX-License-Identifier: MIT
 *
 * Arguments and return values at uprobes. bpf_tracing.h's PT_REGS macros are for one architecture, chosen when compiling; here
 * the registers' structure that the running kernel knows decides, at load time: the branch for the other architecture is dead
 * code there, which the verifier removes. So one object serves x86-64 and arm64.
 */
#ifndef EUNOMIA_UPROBE_H
#define EUNOMIA_UPROBE_H
#include "kernel.h"

/* Only through these functions: the compiler must not see past them, or it joins the two loads. */
static __always_inline unsigned long uprobe_argument_1(const void *ctx) {
    if (bpf_core_field_exists(((const struct pt_regs___x86_64 *)ctx)->di))
        return BPF_CORE_READ((const struct pt_regs___x86_64 *)ctx, di);
    return BPF_CORE_READ((const struct user_pt_regs___arm64 *)ctx, regs[0]);
}

static __always_inline unsigned long uprobe_return_value(const void *ctx) {
    if (bpf_core_field_exists(((const struct pt_regs___x86_64 *)ctx)->ax))
        return BPF_CORE_READ((const struct pt_regs___x86_64 *)ctx, ax);
    return BPF_CORE_READ((const struct user_pt_regs___arm64 *)ctx, regs[0]);
}

#endif
