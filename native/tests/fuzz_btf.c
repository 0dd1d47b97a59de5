/* Minimal BTF of damaged objects and of damaged kernel BTF: fuzz_btf SECONDS OBJECT... Every seventh time it is the kernel's types
 * that are damaged, those of the first object stand for them. */
#include "btf_raw.h"
#include "eunomia.h"
#include "minimal_btf.h"
#include "mutate.h"
#include <unistd.h>

static uint8_t object[1 << 20], kernel[1 << 20];

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    if (file && fwrite(bytes, 1, size, file) != size)
        abort();
    if (!file || fclose(file))
        abort();
}

/* Half of the changes hit one of the sections that are read here, the others anything. */
static size_t damage(uint8_t *elf, size_t size) {
    const char *data;
    size_t length;
    uint32_t which = next(4);
    if (which < 2 && !eu_elf_section(elf, size, which ? ".BTF" : ".BTF.ext", &data, &length)) {
        mutate((uint8_t *)data, length > 256 && next(2) ? 256 : length);
        return size;
    }
    return mutate(elf, size);
}

static int try_one(const uint8_t *bytes, size_t size, const char *path) {
    uint8_t *exact = malloc(size ? size : 1); /* so that the sanitizer sees the end */
    memcpy(exact, bytes, size);
    int fd = eu_minimal_btf_memfd(exact, size, path, NULL);
    if (fd >= 0)
        close(fd);
    free(exact);
    return fd >= 0;
}

int main(int argc, char **argv) {
    time_t end = time(NULL) + (argc > 1 ? atol(argv[1]) : 0);
    long executions = 0, made = 0;
    char whole[64], damaged[2][72];
    size_t kernel_size = argc > 2 ? read_seed(argv[2], kernel, sizeof(kernel)) : 0;
    mutate_state ^= (uint64_t)time(NULL) << 20;
    snprintf(whole, sizeof(whole), "/tmp/fuzz_btf.%d", (int)getpid());
    snprintf(damaged[0], sizeof(damaged[0]), "%s.0", whole);
    snprintf(damaged[1], sizeof(damaged[1]), "%s.1", whole); /* two names in turn: the last file read is kept */
    write_file(whole, kernel, kernel_size);
    while (argc > 2 && time(NULL) < end)
        for (int i = 2; i < argc; i++)
            for (int round = 0; round < 70; round++, executions++) {
                size_t size = read_seed(argv[i], object, sizeof(object));
                const char *path = round ? whole : NULL;
                if (round % 7 == 6) {
                    path = damaged[round & 1];
                    read_seed(argv[2], kernel, sizeof(kernel));
                    write_file(path, kernel, damage(kernel, kernel_size));
                } else
                    size = damage(object, size);
                made += try_one(object, size, path);
            }
    unlink(whole);
    unlink(damaged[0]);
    unlink(damaged[1]);
    printf("%ld executions, %ld with a result\n", executions, made);
    return 0;
}
