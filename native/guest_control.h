/* What the life of a guest and its control share. */
#ifndef EUNOMIA_GUEST_CONTROL_H
#define EUNOMIA_GUEST_CONTROL_H
#include "guest.h"

enum { EU_GUEST_STACK = 1 << 20 };           /* of options->stack 0 */
void eu_guest_begin(struct eu_guest *guest); /* this thread runs it from now on: clock and watchdog start */
void eu_guest_over(struct eu_guest *guest);  /* it ended, or this thread is through with it */
void eu_guest_stop_watchdog(struct eu_guest *guest);
#endif
