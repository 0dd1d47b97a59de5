/* What a host must answer to wrong arguments: negative Linux errnos, and life goes on. abi CHANNEL */
#include "check.h"
#include "rings.skel.h"

static char data[4096];
static int calls;
static int count_call(void *ctx, void *bytes, size_t size)
{
    (void)ctx, (void)bytes, (void)size;
    calls++;
    return 0;
}
static void no_result(void) { calls++; }
#define POLL(object, fd, callback, at, size) wasm_bpf_buffer_poll(object, fd, callback, NULL, (char *)(at), (int)(size), 0)
#define WILD ((void *)0xfffffff0u)
#define END ((size_t)__builtin_wasm_memory_size(0) * 65536)

static void loading(struct rings_bpf *skel)
{
    size_t size = skel->skeleton->data_sz;
    char *elf = skel->skeleton->data;

    check("load: nothing", (long long)wasm_load_bpf_object(elf, 0), 0);
    check("load: negative size", (long long)wasm_load_bpf_object(elf, -1), 0);
    check("load: half an object", (long long)wasm_load_bpf_object(elf, (int)size / 2), 0);
    check("load: no object", (long long)wasm_load_bpf_object("not ELF at all, but long enough to be read as such.......", 57), 0);
    check("load: behind the end", (long long)wasm_load_bpf_object((void *)END, 64), 0);
    check("load: over the end", (long long)wasm_load_bpf_object((void *)(END - 10), 64), 0);
    check("load: wraps around", (long long)wasm_load_bpf_object(WILD, 0x7fffffff), 0);
}

static void attaching(struct rings_bpf *skel)
{
    bpf_object_skel object = skel->skeleton->obj;

    check("attach: unknown program", wasm_attach_bpf_program(object, "nobody", NULL), -L_ENOENT);
    check("attach: unknown program, empty target", wasm_attach_bpf_program(object, "nobody", ""), -L_ENOENT);
    check("attach: no name", wasm_attach_bpf_program(object, "", NULL), -L_ENOENT);
    check("attach: unknown object", wasm_attach_bpf_program(object + 1000, "on_kill", NULL), -L_EINVAL);
    check("attach: object 0", wasm_attach_bpf_program(0, "on_kill", NULL), -L_EINVAL);
    check("attach: object -1", wasm_attach_bpf_program((bpf_object_skel)-1, "on_kill", NULL), -L_EINVAL);
    check("attach: wild name", wasm_attach_bpf_program(object, WILD, NULL), -L_EFAULT);
    check("attach: name behind the end", wasm_attach_bpf_program(object, (void *)END, NULL), -L_EFAULT);
    check("attach: wild target", wasm_attach_bpf_program(object, "on_kill", WILD), -L_EFAULT);
    memset((char *)END - 4, 'x', 4); /* a name without its NUL, up to the end */
    check("attach: name without end", wasm_attach_bpf_program(object, (void *)(END - 4), NULL), -L_EFAULT);
    check_between("attach: no target", wasm_attach_bpf_program(object, "on_kill", NULL), 0, 0x7fffffff);
    check_between("attach: empty target", wasm_attach_bpf_program(object, "on_kill_perf", ""), 0, 0x7fffffff);
    check("attach: again, to a tracepoint", wasm_attach_bpf_program(object, "on_kill_perf", ""), -L_EEXIST); /* the kernel's word */
#if HEADER >= 2026
    check("attach by fd: none, as without", wasm_attach_bpf_program_fd(object, "on_kill_perf", -1), -L_EEXIST);
    check("attach by fd: unknown object", wasm_attach_bpf_program_fd(object + 1000, "on_kill", 3), -L_EINVAL);
    check("attach by fd: unknown program", wasm_attach_bpf_program_fd(object, "nobody", 3), -L_ENOENT);
    check("attach by fd: wild name", wasm_attach_bpf_program_fd(object, WILD, 3), -L_EFAULT);
#endif
}

static void finding(struct rings_bpf *skel)
{
    bpf_object_skel object = skel->skeleton->obj;
    int fd = wasm_bpf_map_fd_by_name(object, "first");

    check_between("map: fd", fd, 0, 0x7fffffff);
    check("map: the same again", wasm_bpf_map_fd_by_name(object, "first"), fd);
    check_between("map: .rodata", wasm_bpf_map_fd_by_name(object, ".rodata"), 0, 0x7fffffff);
    check_between("map: internal name of another prefix", wasm_bpf_map_fd_by_name(object, "whatever.rodata"), 0, 0x7fffffff);
    check("map: unknown", wasm_bpf_map_fd_by_name(object, "nothing"), -L_ENOENT);
    check("map: no name", wasm_bpf_map_fd_by_name(object, ""), -L_ENOENT);
    check("map: unknown object", wasm_bpf_map_fd_by_name(object + 1000, "first"), -L_EINVAL);
    check("map: wild name", wasm_bpf_map_fd_by_name(object, WILD), -L_EFAULT);
}

static void operating(struct rings_bpf *skel)
{
    int fd = bpf_map__fd(skel->maps.runs), mine[6], foreign = 0;
    struct bpf_map *maps[] = {skel->maps.first, skel->maps.second, skel->maps.perf, skel->maps.runs, skel->maps.rodata};
    uint32_t key = 0, missing = 7;
    uint64_t value = 0;

    check("lookup", wasm_bpf_map_operate(fd, 1, &key, &value, NULL, 0), 0);
    check("lookup: missing", wasm_bpf_map_operate(fd, 1, &missing, &value, NULL, 0), -L_ENOENT);
    check("lookup: wild key", wasm_bpf_map_operate(fd, 1, WILD, &value, NULL, 0), -L_EFAULT);
    check("lookup: wild value", wasm_bpf_map_operate(fd, 1, &key, WILD, NULL, 0), -L_EFAULT);
    check("lookup: value over the end", wasm_bpf_map_operate(fd, 1, &key, (void *)(END - 4), NULL, 0), -L_EFAULT);
    check("lookup: key over the end", wasm_bpf_map_operate(fd, 1, (void *)(END - 2), &value, NULL, 0), -L_EFAULT);
    check("next key: wild", wasm_bpf_map_operate(fd, 4, &key, NULL, WILD, 0), -L_EFAULT);
    check("lookup: unaligned", wasm_bpf_map_operate(fd, 1, memset(data + 1, 0, 4), data + 9, NULL, 0), 0);
    check_error("delete: of an array", wasm_bpf_map_operate(fd, 3, &key, NULL, NULL, 0));
    check_error("update: unknown flags", wasm_bpf_map_operate(fd, 2, &key, &value, NULL, 1ull << 60));
    check("command: unknown", wasm_bpf_map_operate(fd, 99, &key, &value, NULL, 0), -L_EINVAL);
    check("command: 0", wasm_bpf_map_operate(fd, 0, &key, &value, NULL, 0), -L_EINVAL);
    check("command: negative", wasm_bpf_map_operate(fd, -1, &key, &value, NULL, 0), -L_EINVAL);
    for (int i = 0; i < 5; i++)
        mine[i] = bpf_map__fd(maps[i]);
    for (int each = -10; each < 5000; each++) { /* the host's own descriptors are among these */
        int known = 0, result;

        for (int i = 0; i < 5; i++)
            known |= mine[i] == each;
        result = known ? -L_EBADF : wasm_bpf_map_operate(each, 4, NULL, NULL, data, 0);
        foreign += result != -L_EBADF;
    }
    check("foreign descriptors", foreign, 0);
    check("descriptor 2147483647", wasm_bpf_map_operate(0x7fffffff, 1, &key, &value, NULL, 0), -L_EBADF);
}

static void polling(struct rings_bpf *skel)
{
    bpf_object_skel object = skel->skeleton->obj;
    int fd = bpf_map__fd(skel->maps.first);

    check("poll: nothing there", POLL(object, fd, count_call, data, 4096), 0);
    check_error("poll: no buffer", POLL(object, bpf_map__fd(skel->maps.runs), count_call, data, 4096));
    check_error("poll: no buffer, again", POLL(object, bpf_map__fd(skel->maps.runs), count_call, data, 4096));
    check_error("poll: foreign descriptor", POLL(object, 1, count_call, data, 4096));
    check_error("poll: descriptor -1", POLL(object, -1, count_call, data, 4096));
    check("poll: unknown object", POLL(object + 1000, fd, count_call, data, 4096), -L_EINVAL);
    check("poll: wild room", POLL(object, fd, count_call, WILD, 4096), -L_EFAULT);
    check("poll: room over the end", POLL(object, fd, count_call, END - 100, 4096), -L_EFAULT);
    check_error("poll: negative room", POLL(object, fd, count_call, data, -1));
    check_error("poll: null callback", POLL(object, fd, NULL, data, 4096));
    check_error("poll: no such callback", POLL(object, fd, (bpf_buffer_sample_fn)0x12345u, data, 4096));
    check_error("poll: callback of another type", POLL(object, fd, (bpf_buffer_sample_fn)no_result, data, 4096));
    check("poll: after all that", POLL(object, fd, count_call, data, 4096), 0);
    check("no callback ran", calls, 0);
}

static void closing(struct rings_bpf *skel)
{
    bpf_object_skel object = skel->skeleton->obj;
    int fd = bpf_map__fd(skel->maps.runs), ring = bpf_map__fd(skel->maps.first);
    uint32_t key = 0;
    uint64_t value;

    check("close", wasm_close_bpf_object(object), 0);
    check("close: twice", wasm_close_bpf_object(object), -L_EINVAL);
    check("close: unknown", wasm_close_bpf_object(object + 1000), -L_EINVAL);
    check("close: 0", wasm_close_bpf_object(0), -L_EINVAL);
    check("closed: attach", wasm_attach_bpf_program(object, "on_kill", NULL), -L_EINVAL);
    check("closed: map", wasm_bpf_map_fd_by_name(object, "first"), -L_EINVAL);
    check("closed: lookup", wasm_bpf_map_operate(fd, 1, &key, &value, NULL, 0), -L_EBADF);
    check("closed: poll", POLL(object, ring, count_call, data, 4096), -L_EINVAL);
}

int main(int argc, char **argv)
{
    struct rings_bpf *skel = rings_bpf__open();
    bpf_object_skel second;

    if (!skel || argc < 2)
        return 2;
    skel->rodata->channel = (uint32_t)atoi(argv[1]);
    loading(skel);
    if (rings_bpf__load(skel))
        return printf("failed to load\n"), 1;
    second = wasm_load_bpf_object(skel->skeleton->data, (int)skel->skeleton->data_sz);
    check("handles are different", second != 0 && second != skel->skeleton->obj, 1);
    check_error("poll: map of another object", POLL(second, bpf_map__fd(skel->maps.first), count_call, data, 4096));
    check("close: the other", wasm_close_bpf_object(second), 0);
    attaching(skel);
    finding(skel);
    operating(skel);
    polling(skel);
    closing(skel);
    second = wasm_load_bpf_object(skel->skeleton->data, (int)skel->skeleton->data_sz);
    check_between("handles are numbers from 1 on, not used again", (long long)second, (long long)skel->skeleton->obj + 1, 1000);
    return checked();
}
