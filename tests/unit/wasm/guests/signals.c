// A guest that takes signals waits in one of WASI's ways: says how the wait ended and which signal came.
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <wasi/api.h>
__attribute__((import_module("wasm_bpf"), import_name("wasm_bpf_take_signal"))) int take_signal(void);

int main(int argc, char **argv) {
    __wasi_subscription_t minute = {.u.tag = __WASI_EVENTTYPE_CLOCK, .u.u.clock = {.id = 1, .timeout = 60000000000}};
    __wasi_event_t event;
    __wasi_size_t size;
    char byte;
    printf("waits\n");
    if (argv[1][0] == 's')
        errno = __wasi_poll_oneoff(&minute, &event, 1, &size);
    else
        read(0, &byte, 1);
    int err = errno;
    printf("%d ", err == EINTR);
    printf("%d ", take_signal());
    printf("%d\n", take_signal());
    return 0;
}
