/* Guests that get the events of a tool: ecli run --guest FILE.wasm TOOL. docs/reference/wasm-interface.md, "Guests of packages".
 * Define on_event() or on_batch(), and what you want of the others; this header exports them. No main(). */
#ifndef EUNOMIA_EVENTS_H
#define EUNOMIA_EVENTS_H
#include "base.h"
#include <stdlib.h>
#include <string.h>

/* What becomes of an event: it goes no further; it goes on; it goes on as it is in memory now. */
enum eu_verdict { EU_DROP, EU_PASS, EU_CHANGED };

#define EU_EXPORT(name) __attribute__((export_name(name)))
EU_EXPORT("on_start") int on_start(void);
/* A verdict. `source` is which buffer it came from, `type` which of that buffer's types it is; both count from 0. */
EU_EXPORT("on_event") int on_event(void *record, unsigned size, unsigned source, unsigned type);
/* Many at once: eu_first(), eu_next(). Below 0: failed. */
EU_EXPORT("on_batch") int on_batch(void *events, unsigned size);
EU_EXPORT("on_interval") int on_interval(void);
EU_EXPORT("on_end") int on_end(void);

/* An event of a batch; its record stands behind it. */
struct eu_event {
    unsigned size, source, type;
    int verdict; /* EU_PASS, unless it is set */
    unsigned char record[];
};
static inline struct eu_event *eu_next(struct eu_event *event) {
    return (struct eu_event *)((char *)event + sizeof(*event) + ((event->size + 7) & ~7u));
}
#define eu_for_each(event, events, bytes) \
    for (struct eu_event *event = (events); (char *)event < (char *)(events) + (bytes); event = eu_next(event))

EU_IMPORT("eunomia", "add_text")
int eu_imported_add_text(unsigned event, const char *key, unsigned key_size, const char *value, unsigned size);
EU_IMPORT("eunomia", "add_number") int eu_imported_add_number(unsigned event, const char *key, unsigned key_size, long long value);
EU_IMPORT("eunomia", "emit") int eu_emit(unsigned event, unsigned source, const void *record, unsigned size);
EU_IMPORT("eunomia", "source_name") int eu_source_name(unsigned source, char *name, unsigned size);
EU_IMPORT("eunomia", "every") int eu_every(unsigned ms); /* in on_start: when on_interval() is called */

/* Add a member to the event's line, -EEXIST where it has one of this name. `event` counts from 0 in a batch, and is 0 in on_event(). */
static inline int eu_add_text(unsigned event, const char *key, const char *value) {
    return eu_imported_add_text(event, key, (unsigned)strlen(key), value, (unsigned)strlen(value));
}
static inline int eu_add_number(unsigned event, const char *key, long long value) {
    return eu_imported_add_number(event, key, (unsigned)strlen(key), value);
}

/* Where the host puts events. */
EU_API EU_EXPORT("event_buffer") void *event_buffer(unsigned size) {
    static void *room;
    static unsigned has;
    if (size > has) {
        free(room);
        room = malloc(size);
        has = room ? size : 0;
    }
    return room;
}
#endif
