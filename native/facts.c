#include "facts.h"
#include "hash.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_LIMIT = 16384, NAME_LIMIT = 4096, BYTES_LIMIT = 128 << 20, NONE = -1 };

struct entry {
    uint64_t key;
    uint32_t kind, owner;
    uint32_t at, size; /* in values */
    int known;         /* 0: a place that is free */
};
struct head { /* in a recording */
    uint32_t kind, owner;
    uint64_t key;
    uint32_t size, known;
};

struct eu_facts {
    struct entry *table; /* open addressing, room a power of two */
    size_t nr, room;
    struct eu_out values, news;
    size_t told; /* bytes of `news` that were handed out */
    uint64_t seed;
    char name[NAME_LIMIT + 1];
};

static _Thread_local struct eu_facts *current;
static _Thread_local int replayed;

struct eu_facts *eu_facts_new(void) {
    struct eu_facts *f = calloc(1, sizeof(*f));
    if (f)
        f->seed = eu_hash_seed(f);
    return f;
}

void eu_facts_free(struct eu_facts *f) {
    if (!f)
        return;
    if (current == f)
        current = NULL;
    eu_out_free(&f->values);
    eu_out_free(&f->news);
    free(f->table);
    free(f);
}

void eu_facts_use(struct eu_facts *facts, int replay) {
    current = facts;
    replayed = replay;
}

/* A recording's facts may be anything: they must not all want the same place. */
static size_t hash(const struct eu_facts *f, const struct eu_fact *fact) {
    uint64_t from = (uint64_t)fact->owner << 32 ^ fact->kind ^ (f->seed >> 32 | f->seed << 32);
    return (size_t)eu_fold(fact->key ^ f->seed, from | 1);
}

/* The entry of a fact, or the free place where it belongs; NULL: the table is empty. */
static struct entry *place(const struct eu_facts *f, const struct eu_fact *fact) {
    if (!f->room)
        return NULL;
    for (size_t at = hash(f, fact);; at++) {
        struct entry *e = &f->table[at & (f->room - 1)];
        if (!e->known || (e->key == fact->key && e->kind == fact->kind && e->owner == fact->owner))
            return e;
    }
}

static int is_grown(struct eu_facts *f) {
    size_t room = f->room ? 2 * f->room : 256;
    if (2 * (f->nr + 1) <= f->room)
        return 1;
    struct entry *old = f->table, *larger = calloc(room, sizeof(*larger));
    size_t before = f->room;
    if (!larger)
        return 0;
    f->table = larger;
    f->room = room;
    for (size_t i = 0; i < before; i++)
        if (old[i].known)
            *place(f, &(struct eu_fact){.kind = old[i].kind, .owner = old[i].owner, .key = old[i].key}) = old[i];
    free(old);
    return 1;
}

static int is_same(const struct eu_facts *f, const struct entry *e, const struct eu_fact *fact) {
    if (!e || !e->known) /* never asked before */
        return !fact->value;
    if (e->known == NONE || !fact->value)
        return e->known == NONE && !fact->value;
    return e->size == fact->size && !memcmp(f->values.data + e->at, fact->value, fact->size);
}

static int keep(struct eu_facts *f, const struct eu_fact *fact) {
    size_t size = fact->value ? fact->size : 0;
    if (f->values.used + size + f->room * sizeof(*f->table) > BYTES_LIMIT)
        return -EFBIG;
    if (!is_grown(f) || !eu_out_room(&f->values, size + 1))
        return -ENOMEM;
    struct entry *e = place(f, fact);
    f->nr += !e->known;
    *e = (struct entry){fact->key, fact->kind, fact->owner, (uint32_t)f->values.used, (uint32_t)size, fact->value ? 1 : NONE};
    eu_out_put(&f->values, fact->value, size);
    return 0;
}

int eu_facts_ask(struct eu_fact *fact) {
    if (!current || !replayed)
        return 0;
    const struct entry *e = place(current, fact);
    fact->value = e && e->known == 1 ? (const uint8_t *)current->values.data + e->at : NULL;
    fact->size = fact->value ? e->size : 0;
    return 1;
}

void eu_facts_tell(const struct eu_fact *fact) {
    struct eu_facts *f = current;
    if (!f || replayed || (fact->value && fact->size > VALUE_LIMIT) || is_same(f, place(f, fact), fact) || keep(f, fact))
        return;
    struct head head = {fact->kind, fact->owner, fact->key, fact->value ? (uint32_t)fact->size : 0, fact->value != NULL};
    if (!eu_out_room(&f->news, sizeof(head) + head.size)) /* whole or not at all */
        return;
    eu_out_put(&f->news, &head, sizeof(head));
    eu_out_put(&f->news, fact->value, head.size);
}

int eu_facts_ask_name(int kind, uint32_t owner, uint64_t address, uint64_t *offset, const char **name) {
    struct eu_fact fact = {.kind = (uint32_t)kind, .owner = owner, .key = address};
    if (!eu_facts_ask(&fact))
        return 0;
    *name = NULL;
    if (!fact.value || fact.size < 8)
        return 1;
    size_t size = fact.size - 8 < NAME_LIMIT ? fact.size - 8 : NAME_LIMIT;
    memcpy(offset, fact.value, 8);
    memcpy(current->name, fact.value + 8, size);
    current->name[size] = 0;
    *name = current->name;
    return 1;
}

void eu_facts_tell_name(int kind, uint32_t owner, uint64_t address, uint64_t offset, const char *name) {
    uint8_t value[8 + NAME_LIMIT];
    if (!current || replayed)
        return;
    size_t size = name ? strnlen(name, NAME_LIMIT) : 0;
    memcpy(value, &offset, 8);
    memcpy(value + 8, name ? name : "", size);
    eu_facts_tell(&(struct eu_fact){(uint32_t)kind, owner, address, name ? value : NULL, size + 8});
}

const void *eu_facts_news(struct eu_facts *f, size_t most, size_t *size, uint32_t *count) {
    const char *news = f->news.data + f->told;
    struct head head;
    *size = *count = 0;
    for (size_t whole; *size < f->news.used - f->told; *size += whole, ++*count) {
        memcpy(&head, news + *size, sizeof(head));
        whole = sizeof(head) + head.size;
        if (*size + whole > most)
            break;
    }
    f->told += *size;
    if (!*count)
        f->news.used = f->told = 0;
    return *count ? news : NULL;
}

int eu_facts_read(struct eu_facts *f, const uint8_t *bytes, size_t size, uint32_t count) {
    struct head head;
    for (; count; count--) {
        if (size < sizeof(head))
            return -EBADMSG;
        memcpy(&head, bytes, sizeof(head));
        bytes += sizeof(head);
        size -= sizeof(head);
        if (head.size > size || head.size > VALUE_LIMIT || head.known > 1 || (!head.known && head.size))
            return -EBADMSG;
        int err = keep(f, &(struct eu_fact){head.kind, head.owner, head.key, head.known ? bytes : NULL, head.size});
        if (err)
            return err;
        bytes += head.size;
        size -= head.size;
    }
    return size ? -EBADMSG : 0;
}
