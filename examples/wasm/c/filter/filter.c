// SPDX-License-Identifier: MIT
/* Between a tool and its output: of opensnoop's events those that failed below one folder, with how often each path has failed. */
#include "opensnoop.h"
#include <eunomia/events.h>
#include <stdio.h>

enum { NR_SEEN = 4096 };

static struct {
    char path[128];
    unsigned count;
} seen[NR_SEEN];
static unsigned nr_dropped;

static unsigned count(const char *path) {
    unsigned hash = 5381;
    for (const char *c = path; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    for (unsigned i = 0; i < NR_SEEN; i++) {
        unsigned at = (hash + i) % NR_SEEN;
        if (!seen[at].count)
            snprintf(seen[at].path, sizeof(seen[at].path), "%s", path);
        if (!strncmp(seen[at].path, path, sizeof(seen[at].path) - 1))
            return ++seen[at].count;
    }
    return 0;
}

int on_batch(void *events, unsigned size) {
    unsigned index = 0;
    eu_for_each (event, events, size) {
        const struct event *open = (void *)event->record; /* its path ends with a NUL */
        if (open->err && !strncmp(open->path, "/nowhere/", 9)) {
            eu_add_number(index, "times", count(open->path));
        } else {
            event->verdict = EU_DROP;
            nr_dropped++;
        }
        index++;
    }
    return 0;
}

int on_end(void) {
    printf("%u others\n", nr_dropped);
    return 0;
}
