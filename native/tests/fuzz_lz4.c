/* Blocks of LZ4 out of kernel images: any bytes unpack within the room, or are refused. The first two bytes say how much room. */
#include "eunomia.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    size_t room = data[0] | (size_t)data[1] << 8;
    char *out = malloc(room + !room);
    long length = out ? eu_lz4_block(data + 2, size - 2, out, room) : -1;
    if (length > (long)room)
        abort();
    free(out);
    return 0;
}
