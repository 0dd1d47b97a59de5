/* From the kernel's clocks to wall clock: one function for text, JSON, decoders, recordings and replay. */
#ifndef EUNOMIA_CLOCK_H
#define EUNOMIA_CLOCK_H
#include <stdint.h>

enum eu_clock_id {
    EU_CLOCK_MONOTONIC, /* bpf_ktime_get_ns(): stands still while the machine is suspended */
    EU_CLOCK_BOOTTIME,  /* bpf_ktime_get_boot_ns(): goes on */
};
/* The three clocks at one instant, in nanoseconds. */
struct eu_clocks {
    int64_t monotonic, boottime, realtime;
};
/* While the distances between the clocks stay the same: from `first` to `last` of CLOCK_MONOTONIC. */
struct eu_clock_span {
    int64_t first, last, boot /* CLOCK_BOOTTIME - CLOCK_MONOTONIC */, wall /* CLOCK_REALTIME - CLOCK_MONOTONIC */;
};
enum { EU_CLOCK_SPANS = 64 };
/* What is known about the clocks: the latest spans, oldest first. Zeroed, it is empty. */
struct eu_clock_history {
    struct eu_clock_span spans[EU_CLOCK_SPANS];
    int nr_spans;
    int64_t next; /* live: CLOCK_MONOTONIC at which to look again */
};

/* Read the clocks, within a microsecond of each other where nothing gets in between. */
void eu_clocks_read(struct eu_clocks *now);
/* Add what the clocks were; later than all before. */
void eu_clock_note(struct eu_clock_history *history, const struct eu_clocks *clocks);
/* From here on this thread's times are those of a recording; NULL: this machine's. Returns what it was before. */
const struct eu_clock_history *eu_clock_use(const struct eu_clock_history *history);
/* Wall clock in nanoseconds since 1970 when a clock showed ns. Of this machine the clocks are compared again once a second at
 * most: after a suspend or a step of the clock, events of up to a second before the comparison may be shown with the other
 * distance; else it is right to some microseconds (NTP slews by 500 us a second at most). */
int64_t eu_clock_wall(int clock, uint64_t ns);
#endif
