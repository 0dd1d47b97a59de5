/* Imports as written by hand: a callback without a result, as the first guests in Rust had it; with FIRST_MAPS in the module env
 * map_operate without flags, as in December 2022, where an update points to them in the place of the next key. bare CHANNEL COUNT */
#include "check.h"
#include "rings.skel.h"

#ifdef FIRST_MAPS
__attribute__((import_module("env"), import_name("wasm_bpf_map_operate"))) extern int operate(int fd, int cmd, void *key, void *value,
                                                                                              void *next);
#define OPERATE(fd, cmd, key, value, next) operate(fd, cmd, key, value, next)
#define UPDATE(fd, key, value, flags) operate(fd, 2, key, value, &(uint64_t){flags})
#else
#define OPERATE(fd, cmd, key, value, next) wasm_bpf_map_operate(fd, cmd, key, value, next, 0)
#define UPDATE(fd, key, value, flags) wasm_bpf_map_operate(fd, 2, key, value, NULL, flags)
#endif

static uint32_t seen, wrong;

static void on_record(void *ctx, void *data, size_t size)
{
    wrong += *(uint32_t *)data != seen++ || size != 64 || ctx != (void *)4711;
}

static void elements(int fd)
{
    uint32_t key = 0, next = 9;
    uint64_t value = 0;

    check("lookup", OPERATE(fd, 1, &key, &value, NULL), 0);
    check("how often it ran", (long long)value, seen);
    value = 5;
    check("update", UPDATE(fd, &key, &value, BPF_ANY), 0);
    check("update: EXIST", UPDATE(fd, &key, &value, BPF_EXIST), 0);
    check("update: NOEXIST", UPDATE(fd, &key, &value, BPF_NOEXIST), -L_EEXIST);
    check("lookup again", (OPERATE(fd, 1, &key, &value, NULL), (long long)value), 5);
    check("first key", OPERATE(fd, 4, NULL, NULL, &next), 0);
    check("is 0", next, 0);
    check("no key behind", OPERATE(fd, 4, &key, NULL, &next), -L_ENOENT);
#ifdef FIRST_MAPS
    check("update: flags out of memory", operate(fd, 2, &key, &value, (void *)0xfffffffcu), -L_EFAULT);
    check("update: no flags", operate(fd, 2, &key, &value, NULL), 0);
#endif
}

int main(int argc, char **argv)
{
    struct rings_bpf *skel = rings_bpf__open();
    uint32_t count = argc > 2 ? (uint32_t)atoi(argv[2]) : 0;
    char data[64];
    int fd, result = 0;

    if (!skel || argc < 3)
        return 2;
    skel->rodata->channel = (uint32_t)atoi(argv[1]);
    if (rings_bpf__load(skel) || wasm_attach_bpf_program(skel->skeleton->obj, "on_kill", NULL))
        return 1;
    fd = bpf_map__fd(skel->maps.first);
    printf("ready\n");
    while (seen < count && result >= 0)
        result = wasm_bpf_buffer_poll(skel->skeleton->obj, fd, (bpf_buffer_sample_fn)(void *)on_record, (void *)4711, data, 64, 100);
    check("records", seen, count);
    check("records out of order or of another size", wrong, 0);
    check_between("result", result, 1, 0x7fffffff);
    elements(bpf_map__fd(skel->maps.runs));
    return checked();
}
