/* Plans and records out of arbitrary bytes: nothing may be read or written out of bounds, or go on for ever.
 *
 * libFuzzer: clang -fsanitize=fuzzer,address,undefined. Without it (-DSTANDALONE) main() mutates the seeds that it is given,
 * as often as asked: fuzz_render ROUNDS FILE... */
#include "eunomia.h"
#include "plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void render(struct eu_plan *plan, const uint8_t *record, size_t size, int flags) {
    struct eu_format format = {.format = flags & 1, .compat = flags >> 1 & 1, .big_ints = flags >> 2 & 1, .raw_values = flags >> 3 & 1};
    char *out = malloc(1 << 16);
    uint8_t *exact = malloc(size ? size : 1); /* so that the sanitizer sees the end */
    memcpy(exact, record, size);
    for (int i = 0; i < eu_plan_sources(plan) && i < 8; i++) {
        long n = eu_render(plan, i, &format, exact, size, out, 1 << 16);
        for (long k = 0; k < n; k++)
            if (((unsigned char)out[k] < 0x20 && out[k] != '\n') || out[k] == 0x7f)
                (fprintf(stderr, "%02x at %ld of %ld: %.*s\n", (unsigned char)out[k], k, n, (int)n, out),
                 abort()); /* a control character got through */
    }
    free(exact);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t total;
    if (size < sizeof(struct eu_plan_header) + 1)
        return 0;
    memcpy(&total, data + 8, 4);
    size_t plan_size = total < size - 1 ? total : size - 1;
    struct eu_plan *plan = eu_plan_read(data, plan_size);
    if (!plan)
        return 0;
    render(plan, data + plan_size + 1, size - plan_size - 1, data[plan_size]);
    eu_plan_free(plan);
    return 0;
}

#ifdef STANDALONE
static uint64_t state = 88172645463325252u;

static uint32_t next(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? (uint32_t)(state >> 11) % below : 0;
}

static size_t mutate(uint8_t *data, size_t size) {
    static const uint32_t values[] = {0, 1, 2, 7, 8, 16, 31, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
    for (uint32_t n = 1 + next(4); n; n--) {
        size_t at = next((uint32_t)size);
        if (next(2) && size >= 4) {
            uint32_t value = next(2) ? values[next(16)] : next(64);
            at = next((uint32_t)(size / 4)) * 4;
            memcpy(data + at, &value, 4);
        } else {
            data[at] = next(3) ? (uint8_t)next(256) : data[at] + 1;
        }
    }
    return size > 64 && !next(8) ? size - next(40) : size; /* a shorter record */
}

int main(int argc, char **argv) {
    long rounds = argc > 1 ? atol(argv[1]) : 0;
    static uint8_t seed[1 << 20], data[1 << 20];
    for (int i = 2; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t size = file ? fread(seed, 1, sizeof(seed), file) : 0;
        if (file)
            fclose(file);
        LLVMFuzzerTestOneInput(seed, size);
        for (long round = 0; round < rounds && size; round++) {
            memcpy(data, seed, size);
            LLVMFuzzerTestOneInput(data, mutate(data, size));
        }
    }
    return 0;
}
#endif
