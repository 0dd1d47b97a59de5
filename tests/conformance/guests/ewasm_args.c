/* The interface of 2022: a variable set by `runtime_args` in the package that the guest hands over, as its helpers did; what
 * its function for events answers is no reason to stop, and it may end there. ewasm_args CHANNEL COUNT */
#include "ewasm-skel.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define HOST(name) __attribute__((import_module("env"), import_name(#name))) extern
HOST(create_bpf) int create_bpf(const char *package, int size);
HOST(run_bpf) int run_bpf(int id);
HOST(wait_and_poll_bpf) int wait_and_poll_bpf(int id);

static uint32_t seen, count;

__attribute__((export_name("process_event"))) int process_event(int ctx, char *event, int size)
{
    uint32_t sequence = *(uint32_t *)event;

    (void)ctx;
    if (sequence != seen || size != 64)
        return printf("event %u of %d bytes in the place of %u\n", sequence, size, seen), exit(3), -1;
    if (++seen == count) {
        printf("%u events, in order\n", seen);
        exit(7);
    }
    return -1; /* dropped: the next one comes all the same */
}

__attribute__((export_name("bpf_main"))) int bpf_main(const char *arguments, int size)
{
    char *text = malloc(sizeof(program_data) + 100);
    unsigned channel;
    const char *words = strchr(arguments, ',');
    int id;

    if (!text || !words || size != (int)strlen(arguments) || sscanf(words, ", \"%u\", \"%u\"", &channel, &count) != 2)
        return printf("arguments: %s\n", arguments), 2;
    sprintf(text, "{\"runtime_args\": {\"channel\": %u, \"nothing\": 5}, %s", channel, program_data + 1);
    id = create_bpf(text, (int)strlen(text));
    free(text);
    if (id < 0 || run_bpf(id) < 0)
        return printf("failed: %d\n", id), 1;
    printf("ready\n");
    fflush(stdout);
    return wait_and_poll_bpf(id);
}
