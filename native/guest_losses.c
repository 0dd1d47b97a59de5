/* Records that a guest's buffers had no room for, told to the host once each: old guests cannot ask for them. */
#include "accounting.h"
#include "guest_bpf.h"
#include <stdlib.h>

/* What the object counts of its rings, 0: it does not (ecc's objects do). Only where the counters are mapped: the guest may have changed
 * the map's type, and the sizes of what is looked up. */
static uint64_t counted_by_object(const struct eu_guest_fd *fd) {
    struct eu_counts counts = {0};
    struct eu_accounting *accounting = eu_accounting_open(fd->owner->object);
    if (accounting && accounting->memory)
        eu_accounting_read(accounting, fd->index, &counts);
    eu_accounting_close(accounting);
    return counts.failures;
}

/* The kernel counts what perf buffers lose. What programs could not write before the buffer was there is no loss of it. */
uint64_t eu_guest_lost_by(const struct eu_guest_fd *fd) {
    if (eu_buffer_is_ring(fd->buffer))
        return counted_by_object(fd);
    eu_buffer_count_lost(fd->buffer);
    return eu_buffer_lost(fd->buffer);
}

void eu_guest_lost(struct eu_guest *guest, struct eu_guest_fd *fd) {
    const struct eu_guest_options *options = guest->options;
    if (!fd->buffer || !options->lost || guest->over) /* what comes after its end is nobody's */
        return;
    uint64_t lost = eu_guest_lost_by(fd), news = lost > fd->told_lost ? lost - fd->told_lost : 0;
    if (!news)
        return;
    fd->told_lost = lost;
    options->lost(options->context, bpf_map__name(fd->owner->object->maps[fd->index]),
                  eu_buffer_is_ring(fd->buffer) ? "ring full" : "perf buffer full", news, fd->asked_lost);
}

void eu_guest_all_lost(struct eu_guest *guest) {
    const struct eu_guest_objects *state = guest->objects;
    for (uint32_t i = 0; state && i < state->nr_slots; i++)
        if (state->slots[i].fd)
            eu_guest_lost(guest, state->slots[i].fd);
}
