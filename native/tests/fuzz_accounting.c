/* Tags and sections of an object's BTF, as eu_accounting_find() reads them: the input is BTF; its last byte says how large the
 * section is, and whether maps come out of maps. */
#include "accounting.h"
#include "mutate.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

static int silent(enum libbpf_print_level level, const char *format, va_list arguments) {
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *names[] = {"events", "others", "samples", "starts", "stacks", "waiting", ".data.eunomia", "tables"};
    static const uint32_t types[] = {BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_RINGBUF,      BPF_MAP_TYPE_PERF_EVENT_ARRAY,
                                     BPF_MAP_TYPE_HASH,    BPF_MAP_TYPE_STACK_TRACE,  BPF_MAP_TYPE_QUEUE,
                                     BPF_MAP_TYPE_ARRAY,   BPF_MAP_TYPE_ARRAY_OF_MAPS};
    struct eu_counted_map maps[9] = {0};
    libbpf_set_print(silent);
    struct btf *btf = size > 24 ? btf__new(data, (uint32_t)size - 1) : NULL;
    if (!btf)
        return 0;
    struct eu_accounting a = {.maps = maps, .fd = -1, .nr_maps = 7 + (data[size - 1] & 1), .size = 8u * (data[size - 1] >> 1)};
    for (int i = 0; i < 8; i++)
        maps[i] = (struct eu_counted_map){.name = names[i], .type = types[i], .is_internal = i == 6};
    uint64_t *memory = malloc(a.size + 1); /* exact, so that the sanitizer sees the end */
    for (size_t i = 0; i < a.size / 8; i++)
        memory[i] = i + 1;
    a.memory = memory;
    int err = eu_accounting_find(&a, btf);
    for (int map = 0; map <= a.nr_maps && !err; map++) {
        struct eu_counts counts;
        eu_accounting_read(&a, map, &counts);
        if (counts.known && !a.version)
            abort();
    }
    free(a.sites);
    free(memory);
    btf__free(btf);
    return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv) {
    return mutate_files(argc, argv, LLVMFuzzerTestOneInput);
}
#endif
