/* What a directory is that the host gave for attaching: found by its name, a target, and nothing more.
 * token NAME: NAME, as the guest sees it, cannot be opened below. token NAME SUB: it can be read, but SUB below it is no target. */
#include "check.h"
#include "sockops.skel.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>

/* Walks the table of preopened directories, as guests do that have no path of their own. */
static int preopened(const char *wanted)
{
    for (__wasi_fd_t fd = 3; fd < 64; fd++) {
        __wasi_prestat_t stat;
        char name[256] = "";

        if (__wasi_fd_prestat_get(fd, &stat))
            break;
        if (stat.tag == __WASI_PREOPENTYPE_DIR && stat.u.dir.pr_name_len < sizeof(name) &&
            __wasi_fd_prestat_dir_name(fd, (uint8_t *)name, stat.u.dir.pr_name_len) == 0 && strcmp(name, wanted) == 0)
            return (int)fd;
    }
    return -1;
}

static const char *below(const char *folder, const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int attach(struct sockops_bpf *skel, int fd)
{
    return wasm_attach_bpf_program_fd(skel->skeleton->obj, "count_connections", fd);
}

static void sealed(const char *folder)
{
    check("open a file that is there", open(below(folder, "cgroup.procs"), O_RDONLY), -1);
    check("make a file", open(below(folder, "made"), O_CREAT | O_WRONLY, 0600), -1);
    check("make a directory", mkdir(below(folder, "made"), 0700), -1);
    check("list", opendir(folder) != NULL, 0);
    check("above", open(below(folder, ".."), O_RDONLY | O_DIRECTORY), -1);
}

int main(int argc, char **argv)
{
    struct sockops_bpf *skel = sockops_bpf__open();
    int fd, own;

    if (!skel || argc < 2 || sockops_bpf__load(skel))
        return 2;
    fd = preopened(argv[1]);
    check("found by its name", fd, 3);
    check("no other", preopened("/elsewhere"), -1);
    check_error("attach to a descriptor that never was", attach(skel, 999999));
    check_error("attach to standard output", attach(skel, 1));
    if (argc > 2) {
        own = open(below(argv[1], argv[2]), O_RDONLY | O_DIRECTORY);
        check_between("open a directory below", own, 4, 64);
        check_error("attach to a directory that the guest opened", attach(skel, own));
        if (__wasi_fd_renumber((__wasi_fd_t)own, (__wasi_fd_t)fd) == 0) /* hosts may refuse this */
            check_error("attach to it in the place of the one that was given", attach(skel, fd));
        return checked();
    }
    sealed(argv[1]);
    check("attach", attach(skel, fd), 0);
    if (__wasi_fd_close((__wasi_fd_t)fd) == 0) /* a host may keep it open, but then it is still the same */
        check_error("attach when it is closed", attach(skel, fd));
    return checked();
}
