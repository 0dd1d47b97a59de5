/* What reading one buffer by callbacks and many in batches share. */
#ifndef EUNOMIA_GUEST_POLL_H
#define EUNOMIA_GUEST_POLL_H
#include "guest_bpf.h"

struct eu_waiting {
    struct eu_guest_fd **fds;
    int count, first; /* looked at first */
    int64_t until;    /* CLOCK_MONOTONIC, -1: no end */
};
/* Wait until one of the buffers has a record; *which: its place, -EAGAIN the time was up, -EINTR, -ENOMEM. EU_GO or EU_STOP. */
int eu_guest_wait_ready(struct eu_guest *guest, const struct eu_waiting *waiting, int *which);
int64_t eu_guest_until(int32_t timeout_ms);
/* The map with a number, its buffer open; NULL with *err. */
struct eu_guest_fd *eu_guest_buffer(struct eu_guest *guest, int32_t number, int *err);
/* The embedder sees a record first, and the operator hears of the first that is cut to `room`. */
void eu_guest_show(struct eu_guest *guest, struct eu_guest_fd *fd, const uint8_t *record, size_t size, size_t room);
#endif
