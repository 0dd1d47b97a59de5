/* What a replay needs of a recording besides its records. */
#ifndef EUNOMIA_RECORDING_H
#define EUNOMIA_RECORDING_H
#include "clock.h"
#include "eunomia.h"
#include "facts.h"
#include "record_format.h"

/* One more user, that frees it too: the last one does. Users are in one thread at a time. */
void eu_recording_hold(struct eu_recording *recording);
const struct eu_clock_history *eu_recording_clocks(const struct eu_recording *recording);
struct eu_facts *eu_recording_names(struct eu_recording *recording);
int eu_recording_fd(const struct eu_recording *recording);
/* The block that was read last and its content, `size` bytes. */
const struct eu_rec_block *eu_recording_block(const struct eu_recording *recording, const uint8_t **content);
/* The error for what the block holds; -EBADMSG. */
int eu_recording_damaged(const struct eu_recording *recording, const char *what);
#endif
