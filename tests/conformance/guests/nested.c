/* Host calls from within a callback: load, attach, poll, close, memory that grows. nested CHANNEL; it needs 40 records. */
#include "check.h"
#include "rings.skel.h"

static struct rings_bpf *skel;
static int records, inner, closed_inside, last;
static char room[256];

static int count(void *ctx, void *data, size_t size)
{
    uint32_t sequence = *(uint32_t *)data;

    (void)size;
    check_between("in order", sequence, last + 1, last + 1);
    last = (int)sequence;
    records++;
    *(int *)ctx += 1;
    return 0;
}

static int ignore(void *ctx, void *data, size_t size)
{
    (void)ctx, (void)data, (void)size;
    return 0;
}

/* One record of each poll does something else. */
static int act(void *ctx, void *data, size_t size)
{
    int fd = bpf_map__fd(skel->maps.first), step = records;
    bpf_object_skel object;
    uint32_t key = 0;
    uint64_t value = 0;

    count(ctx, data, size);
    switch (step) {
    case 0:
        check_between("attach in a callback", wasm_attach_bpf_program(skel->skeleton->obj, "on_kill_perf", NULL), 0, 0x7fffffff);
        break;
    case 1:
        object = wasm_load_bpf_object(skel->skeleton->data, (int)skel->skeleton->data_sz);
        check("load in a callback", object != 0, 1);
        check("close another in a callback", wasm_close_bpf_object(object), 0);
        break;
    case 2:
        check("lookup in a callback", bpf_map_lookup_elem(bpf_map__fd(skel->maps.runs), &key, &value), 0);
        check_between("runs", (long long)value, 1, 1000000);
        break;
    case 3: { /* the memory may move: the record must be written to where it is then */
        char *more = malloc(20 << 20);

        check("memory grew", more != NULL, 1);
        memset(more, 0x55, 20 << 20);
        check("the record stays", *(uint32_t *)data == (uint32_t)last, 1);
        break;
    }
    case 6: { /* the ring is being read: nothing twice, nothing lost, no crash */
        int result = wasm_bpf_buffer_poll(skel->skeleton->obj, fd, count, &inner, room, sizeof(room), 0);

        check_between("poll in a callback", result, -4095, 1000);
        break;
    }
    case 4:
        return -77; /* ends this poll; what waits is for the next one */
    case 5: {
        int other = wasm_bpf_buffer_poll(skel->skeleton->obj, bpf_map__fd(skel->maps.perf), ignore, NULL, room, sizeof(room), 0);

        check_between("poll of another buffer in a callback", other, -4095, 1000);
        break;
    }
    }
    return 0;
}

static int close_it(void *ctx, void *data, size_t size)
{
    (void)ctx, (void)data, (void)size;
    if (!closed_inside++)
        check("close in a callback", wasm_close_bpf_object(skel->skeleton->obj), 0);
    else
        check("a record of a closed object", 1, 0);
    return 0;
}

int main(int argc, char **argv)
{
    int fd, result, negatives = 0, polls = 0, outer = 0;

    skel = rings_bpf__open();
    if (!skel || argc < 2)
        return 2;
    skel->rodata->channel = (uint32_t)atoi(argv[1]);
    if (rings_bpf__load(skel) || wasm_attach_bpf_program(skel->skeleton->obj, "on_kill", NULL) < 0)
        return 1;
    fd = bpf_map__fd(skel->maps.first);
    last = -1;
    printf("ready\n");
    while (records < 40 && polls++ < 600) {
        char data[128];

        result = wasm_bpf_buffer_poll(skel->skeleton->obj, fd, act, &outer, data, sizeof(data), 100);
        if (result < 0) {
            check("a callback's negative value", result, -77);
            negatives++;
        }
    }
    check("records", records, 40);
    check("negative values", negatives, 1);
    fd = bpf_map__fd(skel->maps.second); /* 40 records wait there */
    result = wasm_bpf_buffer_poll(skel->skeleton->obj, fd, close_it, NULL, room, sizeof(room), 100);
    check_between("poll whose object is closed", result, -4095, 1);
    check("one record of it", closed_inside, 1);
    check("it is closed", wasm_close_bpf_object(skel->skeleton->obj), -L_EINVAL);
    return checked();
}
