/* Objects out of arbitrary bytes: what is opened has maps whose initial bytes are there, and can be closed. The kernel has one type. */
#define _GNU_SOURCE
#include "eunomia.h"
#include "object.h"
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* BTF with one type, an int. */
static const char *types_of_a_kernel(void) {
    static char path[64];
    static const unsigned char bytes[] = {0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 16, 0,  0, 0, 16, 0, 0,   0,   5,   0, 0,
                                          0,    1,    0, 0, 0,  0, 0, 0, 1, 4, 0, 0, 0,  32, 0, 0, 1,  0, 'i', 'n', 't', 0};
    if (!*path) {
        int fd = memfd_create("btf", 0);
        if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
            abort();
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    return path;
}

static void touch(struct eu_object *object) {
    struct eu_map_info info;
    for (int i = 0; i < object->nr_maps; i++) {
        size_t size = 0;
        eu_map_get(object, i, &info);
        char *bytes = bpf_map__initial_value(object->maps[i], &size);
        if (bytes && size) {
            bytes[size - 1] ^= bytes[0];
            bytes[0] ^= bytes[size / 2];
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *elf = malloc(size + 1);
    const struct eu_open_options options = {.name = "fuzz", .btf_path = types_of_a_kernel(), .plain_btf = 1};
    memcpy(elf, data, size);
    struct eu_object *object = eu_open(elf, size, &options);
    free(elf); /* libbpf has copies */
    if (!object && !*eu_error())
        abort();
    if (object) {
        touch(object);
        eu_close(object);
    }
    return 0;
}
