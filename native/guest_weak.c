/* Until the parts with these names land. */
#include "error.h"
#include "guest.h"
#include <errno.h>
#define WEAK __attribute__((weak))
WEAK const struct eu_host_function eu_bpf_functions[] = {{0}};
WEAK const struct eu_host_function eu_wasi_functions[] = {{0}};
WEAK struct eu_wasi *eu_wasi_open(struct eu_guest *guest) {
    return (struct eu_wasi *)guest;
}
WEAK void eu_wasi_close(struct eu_wasi *wasi) {
}
WEAK int eu_wasi_preopen(struct eu_wasi *wasi, uint32_t fd) {
    return -EBADF;
}
WEAK void eu_guest_objects_close(struct eu_guest_objects *objects) {
}
WEAK int eu_ewasm_main(struct eu_guest *guest) {
    return eu_guest_end(guest, EU_FAILED, "the module exports no function _start");
}
