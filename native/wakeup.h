/* When programs wake the reader of their ring buffers, and how long it may sleep: the reader's half of the wake-up protocol. */
#ifndef EUNOMIA_WAKEUP_H
#define EUNOMIA_WAKEUP_H
#include "eunomia.h"
#include "reader.h"
#include <stdint.h>
#include <sys/epoll.h>

enum eu_wakeup_mode { EU_ADAPTIVE, EU_EACH, EU_BATCH }; /* eu_run_options.wakeup */

/* One reader of one or more buffers of an object. All of it is used by one thread; several readers of an object may be of several. */
struct eu_waiter {
    struct eu_wakeup *wakeup; /* the object's flag; NULL: closed, or no memory */
    struct eu_buffer **buffers;
    int nr_buffers, mode;
    int polls;                /* it looks every half millisecond, programs need not wake it */
    int more;                 /* the last round left records, or a buffer fills fast */
    int empty;                /* rounds of polling in a row that brought nothing, */
    int patience;             /* and how many of them end polling */
    int doubt_ms;             /* how long the next sleep is while programs of the polling time may still run */
    int busy;                 /* looks in a row that found a record that is not finished */
    int batch_ms;             /* between rounds */
    uint64_t settles;         /* until then, in ns; 0: they do not */
    uint64_t since, gathered; /* records since then */
};

void eu_waiter_open(struct eu_waiter *waiter, struct eu_object *object, int mode);
/* A buffer that it reads; -ENOMEM. The epoll of eu_waiter_wait reports its records with `data`. */
int eu_waiter_add(struct eu_waiter *waiter, struct eu_buffer *buffer, int epoll_fd, uint64_t data);
/* The object's flag is nobody's again; the second call does nothing. */
void eu_waiter_close(struct eu_waiter *waiter);
/* Whether programs do as this reader says: those with rings have the flag, and no other reader is open. */
int eu_waiter_manages(const struct eu_waiter *waiter);
/* What a round of reading brought: records, and whether there may be more than the buffers can hold until the next. */
void eu_waiter_round(struct eu_waiter *waiter, uint64_t records, int more);
/* Sleep as epoll_wait() does, at most limit_ms (-1: no limit), until it is time for another round, or another descriptor of the epoll
 * has something. Call it after each round; returns as epoll_wait(). */
int eu_waiter_wait(struct eu_waiter *waiter, int epoll_fd, struct epoll_event *events, int max, int limit_ms);
/* For an event loop of others that sleeps on the epoll's descriptor: 0 it may sleep, 1 there are records, 2 look again in a millisecond. */
int eu_waiter_arm(struct eu_waiter *waiter);
/* Before the object is loaded: let its flag be written from here. */
void eu_wakeup_prepare(struct eu_object *object);
/* Of a closing object. */
void eu_wakeup_free(struct eu_object *object);
#endif
