/* Ring and perf buffers: records straight out of the memory shared with the kernel. */
#ifndef EUNOMIA_READER_H
#define EUNOMIA_READER_H
#include "eunomia.h"
#include <stddef.h>
#include <stdint.h>

struct eu_buffer;
struct eu_buffer *eu_buffer_open(struct eu_object *object, int map, int perf_pages);
void eu_buffer_close(struct eu_buffer *buffer);
int eu_buffer_is_ring(const struct eu_buffer *buffer);
/* Have epoll report `data` when there are records. */
int eu_buffer_watch(struct eu_buffer *buffer, int epoll_fd, uint64_t data);
enum eu_state { EU_EMPTY, EU_BUSY /* the first record is not finished */, EU_READY };
enum eu_state eu_buffer_state(const struct eu_buffer *buffer);
int eu_buffer_ready(const struct eu_buffer *buffer);
/* Call `take` for the records that are there, at most `limit` bytes of them. It returns 0 to go on, 1 to stop behind this
 * record, 2 to stop before it. Returns bytes consumed; 0 when there was nothing. */
typedef int (*eu_take)(void *context, const uint8_t *record, size_t size);
size_t eu_buffer_consume(struct eu_buffer *buffer, size_t limit, eu_take take, void *context);
/* One by one, in place of eu_buffer_consume(): what is done with a record may read this buffer too, or never return. The next record,
 * without taking it: 1; 0 there is none. It is valid until the buffer is taken from. */
int eu_buffer_peek(struct eu_buffer *buffer, const uint8_t **record, size_t *size);
/* It is read: peek shows the next. */
void eu_buffer_take(struct eu_buffer *buffer);
/* Take whole records of a ring, as many as have room, each as its size, twice (u32), its bytes, and what pads them to 8. Returns the bytes
 * written; 0 of a perf buffer, too. */
size_t eu_buffer_copy(struct eu_buffer *buffer, uint8_t *out, size_t room);
/* Give the room of what was taken back to the writers; before waiting. */
void eu_buffer_publish(struct eu_buffer *buffer);
struct pollfd;
/* Descriptors that wake for records: how many (at most room). */
int eu_buffer_pollfds(const struct eu_buffer *buffer, struct pollfd *fds, int room);
int eu_buffer_nr_fds(const struct eu_buffer *buffer);
/* A perf buffer's records wake nobody until it is half full, or each does; returns how many CPUs that changed (0: a ring, or as before).
 * Whether rings wake, a flag in the object says (wakeup.h). */
int eu_buffer_quiet(struct eu_buffer *buffer, int on);
size_t eu_buffer_size(const struct eu_buffer *buffer);
/* Where a ring is read, and how far it is written: bytes since its beginning. */
uint64_t eu_buffer_position(const struct eu_buffer *buffer, uint64_t *producer);
/* Records read so far, also discarded ones. */
uint64_t eu_buffer_taken(const struct eu_buffer *buffer);
uint64_t eu_buffer_discarded(const struct eu_buffer *buffer);
/* Of a perf buffer: what the kernel told so far; eu_buffer_count_lost() asks it for the number. */
uint64_t eu_buffer_lost(const struct eu_buffer *buffer);
void eu_buffer_count_lost(struct eu_buffer *buffer);
#endif
