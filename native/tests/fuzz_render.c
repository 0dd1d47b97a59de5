/* Plans and records out of arbitrary bytes: nothing may be read or written out of bounds, or go on for ever.
 *
 * An input is a plan, a byte of flags, and a record. libFuzzer: clang -fsanitize=fuzzer,address,undefined. Without it
 * (-DSTANDALONE) main() mutates the seeds that it is given: fuzz_render SECONDS FILE... */
#include "eunomia.h"
#include "mutate.h"
#include "plan.h"

/* Names of fields that may exist, or whatever the record begins with. */
static const char *fields_of(const uint8_t *record, size_t size, int flags, char *room, size_t most) {
    if (!(flags & 32))
        return NULL;
    if (!(flags & 4))
        return "a,b[1],b,inner.x,inner,pid,comm,args[2].x,value[1],value,m7,m8[3]";
    size_t length = size < most - 1 ? size : most - 1;
    memcpy(room, record, length);
    room[length] = 0;
    return room;
}

static void render(struct eu_plan *plan, const uint8_t *record, size_t size, int flags) {
    char list[96];
    struct eu_format format = {.format = flags & 16 ? 3 + (flags & 1) : flags & 1,
                               .compat = flags >> 1 & 1,
                               .big_ints = flags >> 2 & 1,
                               .raw_values = flags >> 3 & 1,
                               .symbols = (flags & 0xe0) == 0xe0,
                               .fields = fields_of(record, size, flags, list, sizeof(list))};
    if (format.fields)
        eu_fields_check(plan, "--fields", format.fields);
    char *out = malloc(1 << 16);
    uint8_t *exact = malloc(size ? size : 1); /* so that the sanitizer sees the end */
    memcpy(exact, record, size);
    for (int i = 0; i < eu_plan_sources(plan) && i < 8; i++) {
        long n = eu_render(plan, i, &format, exact, size, out, 1 << 16);
        for (long k = 0; k < n; k++)
            if (((unsigned char)out[k] < 0x20 && out[k] != '\n' && !(format.format == 4 && strchr("\r\t", out[k]))) || out[k] == 0x7f)
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
int main(int argc, char **argv) {
    return mutate_files(argc, argv, LLVMFuzzerTestOneInput);
}
#endif
