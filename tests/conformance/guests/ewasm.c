/* The interface of 2022: the host loads the package that the guest hands to it, and pushes events. */
#include "ewasm-skel.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#define HOST(name) __attribute__((import_module("env"), import_name(#name))) extern
HOST(create_bpf) int create_bpf(const char *package, int size);
HOST(run_bpf) int run_bpf(int id);
HOST(wait_and_poll_bpf) int wait_and_poll_bpf(int id);

__attribute__((export_name("process_event"))) int process_event(int ctx, char *event, int size)
{
    (void)ctx;
    printf("[%d] %.16s -> %s (%d)\n", *(int *)event, event + 4, event + 20, size);
    fflush(stdout);
    return 0;
}

__attribute__((export_name("bpf_main"))) int bpf_main(const char *arguments, int size)
{
    int id, result;

    printf("arguments %.*s\n", size, arguments);
    id = create_bpf(program_data, (int)strlen(program_data));
    if (id < 0)
        return printf("create: %d\n", id), -1;
    result = run_bpf(id);
    if (result < 0)
        return printf("run: %d\n", result), -1;
    printf("ready\n");
    fflush(stdout);
    return wait_and_poll_bpf(id);
}
