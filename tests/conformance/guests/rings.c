/* Every record, in order, of two rings of one object or of a perf buffer: rings CHANNEL COUNT [first|both|perf]. */
#include "rings.skel.h"

struct record {
    uint32_t sequence, complement;
    uint64_t filler[7];
};
struct seen {
    const char *name;
    uint32_t records, next, out_of_order, damaged, most_in_one_poll, this_poll;
};

static int on_record(void *ctx, void *data, size_t size)
{
    struct seen *seen = ctx;
    const struct record *record = data;

    if (size < sizeof(*record) || record->complement != ~record->sequence || record->filler[0] != (seen->name[0] == 's' ? 2 : 0))
        seen->damaged++;
    if (record->sequence != seen->next)
        seen->out_of_order++;
    seen->next = record->sequence + 1;
    seen->records++;
    seen->this_poll++;
    return 0;
}

static int poll_once(struct bpf_buffer *buffer)
{
    struct seen *seen = buffer->ctx;
    int result;

    seen->this_poll = 0;
    result = bpf_buffer__poll(buffer, 100);
    if (seen->this_poll > seen->most_in_one_poll)
        seen->most_in_one_poll = seen->this_poll;
    return result;
}

int main(int argc, char **argv)
{
    struct rings_bpf *skel = rings_bpf__open();
    struct seen one = {"first"}, two = {"second"};
    uint32_t count;
    int perf, both;

    if (!skel || argc < 3)
        return 2;
    skel->rodata->channel = (uint32_t)atoi(argv[1]);
    count = (uint32_t)atoi(argv[2]);
    perf = argc > 3 && strcmp(argv[3], "perf") == 0;
    both = argc > 3 && strcmp(argv[3], "both") == 0;
    if (perf)
        one.name = "perf";
    if (rings_bpf__load(skel) || rings_bpf__attach(skel))
        return 1;
    struct bpf_buffer *first = bpf_buffer__new(perf ? skel->maps.perf : skel->maps.first);
    struct bpf_buffer *second = bpf_buffer__new(skel->maps.second);
    if (bpf_buffer__open(first, on_record, &one) || bpf_buffer__open(second, on_record, &two))
        return 1;
    poll_once(first); /* a perf buffer is opened by its first poll: what came before is lost */
    printf("ready\n");
    while (one.records < count || (both && two.records < count))
        if (poll_once(first) < 0 || (both && poll_once(second) < 0))
            return printf("poll failed\n"), 1;
    printf("%s: %u records, %u out of order, %u damaged\n", one.name, one.records, one.out_of_order, one.damaged);
    if (both)
        printf("%s: %u records, %u out of order, %u damaged\n", two.name, two.records, two.out_of_order, two.damaged);
    printf("several in one poll: %s\n", one.most_in_one_poll > 1 ? "yes" : "no");
    rings_bpf__destroy(skel);
    return 0;
}
