/* Programs, maps and links that the kernel has, whoever loaded them: by id and by pin. */
#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

int eu_open_id(int kind, uint32_t id) {
    static const char *const words[] = {"program", "map", "link", "BTF"};
    int fd = kind == EU_PROGRAM ? bpf_prog_get_fd_by_id(id)
             : kind == EU_MAP   ? bpf_map_get_fd_by_id(id)
             : kind == EU_LINK  ? bpf_link_get_fd_by_id(id)
                                : bpf_btf_get_fd_by_id(id);
    return fd < 0 ? eu_fail(-fd, "open %s %u: %s%s", words[kind & 3], id, fd == -ENOENT ? "there is none with this id" : eu_reason(-fd),
                            fd == -EPERM ? " [needs CAP_SYS_ADMIN; run with sudo]" : "")
                  : fd;
}

int eu_open_pin(const char *path, int read_only) {
    LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = read_only ? BPF_F_RDONLY : 0);
    int fd = bpf_obj_get_opts(path, &options);
    return fd < 0 ? eu_fail(-fd, "open pin %s: %s%s", path, eu_reason(-fd), fd == -EPERM ? " [needs CAP_BPF; run with sudo]" : "") : fd;
}

int eu_pin_fd(int fd, const char *path) {
    int err = -bpf_obj_pin(fd, path);
    return err ? eu_fail(err, "pin %s: %s", path, err == EEXIST ? "something is pinned there already" : eu_reason(err)) : 0;
}

int eu_is_bpffs(const char *path) {
    struct statfs there;
    return statfs(path, &there) ? eu_fail(errno, "%s: %s", path, eu_reason(errno)) : there.f_type == BPF_FS_MAGIC;
}

/* The type of its function: the first of its function records. */
static uint32_t function_type(int fd, uint32_t nr, uint32_t record) {
    struct bpf_func_info first[1] = {{0, 0}};
    struct bpf_prog_info info = {.nr_func_info = 1, .func_info_rec_size = sizeof(first[0]), .func_info = (uintptr_t)first};
    uint32_t size = sizeof(info);
    if (!nr || record != sizeof(first[0]) || bpf_prog_get_info_by_fd(fd, &info, &size))
        return 0;
    return first[0].type_id;
}

int eu_program_facts(int fd, struct eu_program_facts *facts) {
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);
    int err = -bpf_prog_get_info_by_fd(fd, &info, &size);
    if (err)
        return eu_fail(err, "ask for a program: %s", eu_reason(err));
    *facts = (struct eu_program_facts){
        .id = info.id,
        .type = info.type,
        .btf_id = info.btf_id,
        .func_type = function_type(fd, info.nr_func_info, info.func_info_rec_size),
        .load_time = info.load_time,
        .run_time_ns = info.run_time_ns,
        .run_count = info.run_cnt,
    };
    memcpy(facts->name, info.name, sizeof(facts->name) - 1);
    return 0;
}

int eu_map_facts(int fd, struct eu_map_facts *facts) {
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);
    int err = -bpf_map_get_info_by_fd(fd, &info, &size);
    if (err)
        return eu_fail(err, "ask for a map: %s", eu_reason(err));
    *facts = (struct eu_map_facts){
        .id = info.id,
        .type = info.type,
        .key_size = info.key_size,
        .value_size = info.value_size,
        .max_entries = info.max_entries,
        .flags = info.map_flags,
        .btf_id = info.btf_id,
        .key_type = info.btf_key_type_id,
        .value_type = info.btf_value_type_id,
    };
    memcpy(facts->name, info.name, sizeof(facts->name) - 1);
    return 0;
}

int eu_link_facts(int fd, struct eu_link_facts *facts) {
    struct bpf_link_info info = {0};
    uint32_t size = sizeof(info);
    int err = -bpf_link_get_info_by_fd(fd, &info, &size);
    if (err)
        return eu_fail(err, "ask for a link: %s", eu_reason(err));
    *facts = (struct eu_link_facts){info.id, info.type, info.prog_id};
    return 0;
}

long eu_btf_bytes(uint32_t id, void *bytes, size_t room) {
    struct bpf_btf_info info = {.btf = (uintptr_t)bytes, .btf_size = (uint32_t)room};
    uint32_t size = sizeof(info);
    int fd = eu_open_id(EU_BTF, id);
    if (fd < 0)
        return fd;
    int err = -bpf_btf_get_info_by_fd(fd, &info, &size);
    close(fd);
    return err ? eu_fail(err, "read BTF %u: %s", id, eu_reason(err)) : (long)info.btf_size;
}

int eu_measure(void) {
    int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
    return fd < 0 ? eu_fail(-fd, "measure programs: %s%s", eu_reason(-fd),
                            fd == -EINVAL  ? " [needs kernel 5.8]"
                            : fd == -EPERM ? " [needs CAP_SYS_ADMIN; run with sudo]"
                                           : "")
                  : fd;
}
