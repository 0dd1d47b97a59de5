/* What showing a record asks of the machine besides its bytes: names of addresses, stacks behind ids. Recording, the answers
 * are kept; a replay gives them again, on any machine and without root. */
#ifndef EUNOMIA_FACTS_H
#define EUNOMIA_FACTS_H
#include "out.h"
#include <stddef.h>
#include <stdint.h>

/* Numbers of the recording format: never reuse one. */
enum eu_fact_kind {
    EU_FACT_KERNEL_NAME = 1, /* key: address; value: offset (8 bytes) and name */
    EU_FACT_USER_NAME,       /* the same, of process `owner` */
    EU_FACT_STACK,           /* owner: source, key: id; value: addresses */
    EU_FACT_WORD,            /* owner: a decoder, key: the number; value: text */
};
struct eu_fact {
    uint32_t kind, owner;
    uint64_t key;
    const uint8_t *value; /* valid until the next call; NULL: there is none */
    size_t size;
};

struct eu_facts;
struct eu_facts *eu_facts_new(void);
void eu_facts_free(struct eu_facts *facts);
/* This thread's answers are kept in `facts`, or with `replay` come out of them and nowhere else; NULL: neither. */
void eu_facts_use(struct eu_facts *facts, int replay);

/* For who answers: 1 in a replay, *fact has its value then. */
int eu_facts_ask(struct eu_fact *fact);
/* After the machine has answered (value NULL: it does not know): kept where a recording wants it. */
void eu_facts_tell(const struct eu_fact *fact);
/* The same for names with an offset. */
int eu_facts_ask_name(int kind, uint32_t owner, uint64_t address, uint64_t *offset, const char **name);
void eu_facts_tell_name(int kind, uint32_t owner, uint64_t address, uint64_t offset, const char *name);

/* What is new since the last call, as it stands in a recording: *count facts, whole, as many as `most` bytes hold (one fits always).
 * NULL: nothing. Owned by `facts`, until the next one is told. */
const void *eu_facts_news(struct eu_facts *facts, size_t most, size_t *size, uint32_t *count);
/* Take the facts of a block; 0, -EBADMSG: damaged, -ENOMEM, -EFBIG: more than a recording may have. */
int eu_facts_read(struct eu_facts *facts, const uint8_t *bytes, size_t size, uint32_t count);
#endif
