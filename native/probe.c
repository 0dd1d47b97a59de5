/* Questions to the kernel that only an attempt answers: the smallest program or map that shows it, gone again at once. */
#define _GNU_SOURCE
#include "binaries.h"
#include "error.h"
#include "eunomia.h"
#include "object.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* return 0 */
static const struct bpf_insn nothing[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
    {.code = BPF_JMP | BPF_EXIT},
};

int eu_section_types(const char *section, int *type, int *attach_type) {
    enum bpf_prog_type found;
    enum bpf_attach_type attach;
    if (!eu_handlers_types(section, type, attach_type))
        return 0;
    eu_log_start();
    int err = libbpf_prog_type_by_name(section, &found, &attach);
    if (err)
        return err;
    *type = (int)found;
    *attach_type = (int)attach;
    return 0;
}

int eu_probe_prog_type(int type) {
    eu_log_start();
    return libbpf_probe_bpf_prog_type((enum bpf_prog_type)type, NULL);
}

int eu_probe_map_type(int type) {
    eu_log_start();
    return libbpf_probe_bpf_map_type((enum bpf_map_type)type, NULL);
}

int eu_probe_helper(int type, int helper) {
    eu_log_start();
    return libbpf_probe_bpf_helper((enum bpf_prog_type)type, (enum bpf_func_id)helper, NULL);
}

static int load_nothing(int type, int attach_type, uint32_t btf_id, uint32_t flags) {
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = (enum bpf_attach_type)attach_type, .attach_btf_id = btf_id,
                .prog_flags = flags);
    eu_log_start();
    return bpf_prog_load((enum bpf_prog_type)type, "eu_probe", "GPL", nothing, sizeof(nothing) / sizeof(*nothing), &options);
}

int eu_probe_program(int type, int attach_type, uint32_t btf_id, uint32_t flags, int attach, int *attaching) {
    *attaching = 0;
    int prog = load_nothing(type, attach_type, btf_id, flags);
    if (prog < 0)
        return prog;
    int link = 0;
    if (attach) {
        *attaching = 1;
        link = bpf_raw_tracepoint_open(NULL, prog);
        if (link >= 0)
            close(link);
    }
    close(prog);
    return link < 0 ? link : 0;
}

static int perf_type(const char *name) {
    char path[128], text[16] = "";
    snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    return got > 0 ? atoi(text) : -EIO;
}

int eu_probe_kprobe(const char *symbol, int is_return) {
    struct perf_event_attr attr = {.size = sizeof(attr)};
    int type = perf_type("kprobe");
    if (type < 0)
        return type;
    attr.type = (uint32_t)type;
    attr.config = is_return ? 1 : 0; /* the PMU's bit "retprobe" */
    attr.config1 = (uint64_t)(uintptr_t)symbol;
    int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

int eu_probe_kprobe_multi(const char *symbol, int attach_type, int *attaching) {
    const char *symbols[] = {symbol};
    LIBBPF_OPTS(bpf_link_create_opts, options, .kprobe_multi.syms = symbols, .kprobe_multi.cnt = 1);
    *attaching = 0;
    int prog = load_nothing(BPF_PROG_TYPE_KPROBE, attach_type, 0, 0);
    if (prog < 0)
        return prog;
    *attaching = 1;
    int link = bpf_link_create(prog, 0, (enum bpf_attach_type)attach_type, &options);
    close(prog);
    if (link < 0)
        return link;
    close(link);
    return 0;
}

int eu_probe_batch(void) {
    uint32_t key = 0, value = 0, count = 1, next = 0;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    eu_log_start();
    int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "eu_probe", sizeof(key), sizeof(value), 1, NULL);
    if (map < 0)
        return map;
    int err = bpf_map_lookup_batch(map, NULL, &next, &key, &value, &count, &options);
    close(map);
    return !err || err == -ENOENT;
}

int eu_probe_cookie(void) {
    const struct bpf_insn code[] = {
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_attach_cookie},
        {.code = BPF_JMP | BPF_EXIT},
    };
    eu_log_start();
    int prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "eu_probe", "GPL", code, sizeof(code) / sizeof(*code), NULL);
    if (prog < 0)
        return prog == -EPERM ? prog : 0;
    close(prog);
    return 1;
}

int eu_probe_binary(const char *name, char *path, size_t room) {
    return eu_find_binary(name, path, room);
}

int eu_probe_perf(int type, uint64_t config) {
    struct perf_event_attr attr = {.size = sizeof(attr), .type = (uint32_t)type, .config = config, .disabled = 1};
    int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

/* A mount of our own, which nothing else sees (fsopen, 5.2+). */
static int private_securityfs(void) {
    int context = (int)syscall(SYS_fsopen, "securityfs", 1 /* FSOPEN_CLOEXEC */);
    if (context < 0)
        return -errno;
    int root = syscall(SYS_fsconfig, context, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0)
                   ? -1
                   : (int)syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, 0);
    int err = root < 0 ? -errno : root;
    close(context);
    return err;
}

int eu_probe_security(const char *name, char *text, size_t room) {
    int root = open("/sys/kernel/security", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = root < 0 ? -1 : openat(root, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int own = private_securityfs();
        if (own >= 0) {
            fd = openat(own, name, O_RDONLY | O_CLOEXEC);
            close(own);
        }
    }
    int err = errno;
    if (root >= 0)
        close(root);
    if (fd < 0)
        return -err;
    ssize_t got = read(fd, text, room - 1);
    text[got > 0 ? got : 0] = 0;
    close(fd);
    return (int)got;
}

static int count_in(Elf *elf, Elf_Scn *section, const char *name) {
    GElf_Shdr head;
    GElf_Sym symbol;
    Elf_Data *data = elf_getdata(section, NULL);
    int count = 0;
    size_t length = strcspn(name, "@");
    if (!data || !gelf_getshdr(section, &head) || (head.sh_type != SHT_SYMTAB && head.sh_type != SHT_DYNSYM))
        return 0;
    for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
        const char *found = elf_strptr(elf, head.sh_link, symbol.st_name);
        int kind = GELF_ST_TYPE(symbol.st_info);
        if ((kind == STT_FUNC || kind == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF && found && !strncmp(found, name, length) &&
            (!found[length] || found[length] == '@'))
            count++;
    }
    return count;
}

int eu_probe_function(const char *path, const char *name) {
    int fd = open(path, O_RDONLY | O_CLOEXEC), count = 0;
    if (fd < 0)
        return -errno;
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    Elf_Scn *section = NULL;
    if (!elf || elf_kind(elf) != ELF_K_ELF)
        count = -ENOEXEC;
    while (count >= 0 && elf && (section = elf_nextscn(elf, section)))
        count += count_in(elf, section, name);
    elf_end(elf);
    close(fd);
    return count;
}
