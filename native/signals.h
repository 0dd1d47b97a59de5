/* Signals that end a run, as something epoll can wait for. One run of a process takes them at a time. */
#ifndef EUNOMIA_SIGNALS_H
#define EUNOMIA_SIGNALS_H

/* Take SIGINT, SIGTERM and SIGHUP (SIGPIPE is ignored meanwhile); returns a descriptor that becomes readable, or -errno. */
int eu_signals_take(void);
/* How many have come since. */
int eu_signals_count(void);
/* Put the handlers back. */
void eu_signals_restore(void);
#endif
