#include "blocks.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 32 << 10, LARGEST = 4 << 20, KEPT = 32, KEPT_BYTES = 8 << 20, LEAST = 4096 };

struct block {
    size_t room;
    max_align_t data[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *kept[KEPT];
static int nr_kept;
static size_t kept_bytes;

static struct block *of(const void *data) {
    return (struct block *)((char *)data - offsetof(struct block, data));
}

/* The smallest one that is large enough, and not four times too large. */
static struct block *take_kept(size_t room) {
    struct block *found = NULL;
    int place = -1;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < nr_kept; i++)
        if (kept[i]->room >= room && kept[i]->room / 4 <= room && (place < 0 || kept[i]->room < kept[place]->room))
            place = i;
    if (place >= 0) {
        found = kept[place];
        kept[place] = kept[--nr_kept];
        kept_bytes -= found->room;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void *eu_block(size_t room) {
    struct block *b = room >= SMALLEST && room <= LARGEST ? take_kept(room) : NULL;
    if (!b) {
        b = malloc(offsetof(struct block, data) + (room ? room : 1));
        if (!b)
            return NULL;
        b->room = room;
    }
    return b->data;
}

size_t eu_block_room(const void *block) {
    return block ? of(block)->room : 0;
}

int eu_block_grow(void **block, size_t used, size_t wanted) {
    size_t room = 2 * eu_block_room(*block);
    room = room > wanted ? room : wanted;
    void *larger = eu_block(room > LEAST ? room : LEAST);
    if (!larger)
        return -ENOMEM;
    if (used)
        memcpy(larger, *block, used);
    eu_release(*block);
    *block = larger;
    return 0;
}

void eu_release(void *memory) {
    struct block *b = memory ? of(memory) : NULL;
    if (b && b->room >= SMALLEST && b->room <= LARGEST) {
        pthread_mutex_lock(&lock);
        if (nr_kept < KEPT && kept_bytes + b->room <= KEPT_BYTES) {
            kept[nr_kept++] = b;
            kept_bytes += b->room;
            b = NULL;
        }
        pthread_mutex_unlock(&lock);
    }
    free(b);
}
