/* Records of all sizes, also larger than the buffer for them: sized CHANNEL ROOM, then a record of each size that is asked for. */
#include "sized.skel.h"

static unsigned char room[65536];
static uint32_t size_of_room;

static int on_record(void *ctx, void *data, size_t size)
{
    const unsigned char *bytes = data;

    (void)ctx;
    printf("record of %zu bytes, first %u, last %u, %s\n", size, size ? bytes[0] : 0, size ? bytes[size - 1] : 0,
           bytes == room && room[size_of_room] == 0xee ? "in place" : "MISPLACED");
    return size == 1; /* positive: nothing special */
}

int main(int argc, char **argv)
{
    struct sized_bpf *skel = sized_bpf__open();
    int fd, result, records = 0;

    if (!skel || argc < 4)
        return 2;
    skel->rodata->channel = (uint32_t)atoi(argv[1]);
    size_of_room = (uint32_t)atoi(argv[2]);
    memset(room, 0xee, sizeof(room));
    if (sized_bpf__load(skel) || sized_bpf__attach(skel))
        return 1;
    fd = bpf_map__fd(skel->maps.sized);
    printf("ready\n");
    while (records < atoi(argv[3])) {
        result = wasm_bpf_buffer_poll(skel->skeleton->obj, fd, on_record, NULL, (char *)room, (int)size_of_room, 100);
        if (result < 0)
            return printf("poll: %d\n", result), 1;
        records += result;
    }
    printf("%d records\n", records);
    return 0;
}
