/* May a program of this kind call this function, and can a map of this shape be made: asked with the smallest of each. */
#include "error.h"
#include "eunomia.h"
#include "object.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* How the verifier says that it does not let the function be called, whatever its arguments. Source: check_helper_call and
 * check_kfunc_call, kernel/bpf/verifier.c, 5.10 to 7.2. */
static int is_refused(const char *log) {
    static const char *const words[] = {
        "invalid func ",
        "unknown func ",
        "program of this type cannot use helper",
        "cannot call this helper",
        "might sleep in a non-sleepable",
        "kernel function",
        "calling kernel function",
        "is not supported",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strstr(log, words[i]))
            return 1;
    return 0;
}

int eu_probe_call(int type, int attach_type, uint32_t btf_id, uint32_t flags, int function, int is_kfunc) {
    char log[8192];
    const struct bpf_insn code[] = {
        {.code = BPF_JMP | BPF_CALL, .src_reg = is_kfunc ? 2 /* BPF_PSEUDO_KFUNC_CALL */ : 0, .imm = function},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = (enum bpf_attach_type)attach_type, .attach_btf_id = btf_id,
                .prog_flags = flags, .log_buf = log, .log_size = sizeof(log), .log_level = 1);
    log[0] = 0;
    eu_log_start();
    int prog = bpf_prog_load((enum bpf_prog_type)type, "eu_probe", "GPL", code, sizeof(code) / sizeof(*code), &options);
    if (prog >= 0) {
        close(prog);
        return 1;
    }
    if (!log[0])
        return prog;
    return !is_refused(log);
}

int eu_probe_map(int type, uint32_t key, uint32_t value, uint32_t entries, uint32_t flags) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
    eu_log_start();
    int map = bpf_map_create((enum bpf_map_type)type, "eu_probe", key, value, entries, &options);
    if (map < 0)
        return map;
    close(map);
    return 0;
}

/* Programs of some types may return 0 only, of others 1 only. */
static const struct bpf_insn answers[2][2] = {
    {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0}, {.code = BPF_JMP | BPF_EXIT}},
    {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}},
};

int eu_probe_load(int type, int attach_type, uint32_t btf_id, uint32_t flags) {
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = (enum bpf_attach_type)attach_type, .attach_btf_id = btf_id,
                .prog_flags = flags);
    int prog = -EINVAL;
    eu_log_start();
    for (int i = 0; i < 2 && prog == -EINVAL; i++)
        prog = bpf_prog_load((enum bpf_prog_type)type, "eu_probe", "GPL", answers[i], 2, &options);
    if (prog < 0)
        return prog;
    close(prog);
    return 0;
}

int eu_probe_code(const void *code, size_t count) {
    eu_log_start();
    int prog = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "eu_probe", "GPL", code, count, NULL);
    if (prog < 0)
        return prog == -EPERM ? prog : 0;
    close(prog);
    return 1;
}
