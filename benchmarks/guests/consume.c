/* Adds up records as an old guest gets them, one call of a function for each: consume PID; or in batches: consume PID batch.
 * When no more come, prints how many there were so far. */
#include "record.skel.h"
HOST(wasm_bpf_buffer_poll_batch) int wasm_bpf_buffer_poll_batch(int fd, void *data, int size, int timeout_ms);

static unsigned long long sum;

static int add(void *ctx, void *data, size_t size)
{
    (void)ctx, (void)size;
    sum += *(uint64_t *)data;
    return 0;
}

static void show(void)
{
    static unsigned long long shown;

    if (sum != shown)
        printf("%llu\n", shown = sum);
}

static int batches(int fd)
{
    static _Alignas(8) char data[128 << 10];
    int bytes;

    while ((bytes = wasm_bpf_buffer_poll_batch(fd, data, sizeof(data), 300)) >= 0) {
        for (const char *at = data, *end = data + bytes; at < end;) {
            uint32_t size = *(const uint32_t *)at;

            sum += *(const uint64_t *)(at + 8);
            at += 8 + ((size + 7) & ~7u);
        }
        if (!bytes)
            show();
    }
    return bytes;
}

int main(int argc, char **argv)
{
    struct record_bpf *skel = record_bpf__open();
    int fd, result;

    if (!skel || argc < 2)
        return 2;
    skel->rodata->target_pid = (uint32_t)atoi(argv[1]);
    if (record_bpf__load(skel) || record_bpf__attach(skel))
        return 1;
    fd = bpf_map__fd(skel->maps.records);
    if (argc > 2)
        return batches(fd);
    for (char data[4096]; (result = wasm_bpf_buffer_poll(skel->skeleton->obj, fd, add, NULL, data, sizeof(data), 300)) >= 0;)
        if (!result)
            show();
    return result;
}
