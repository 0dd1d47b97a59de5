/* What a guest of events can ask of its host: add to events, add events, know their sources. */
#define _GNU_SOURCE
#include "chain.h"
#include "error.h"
#include "fields.h"
#include "run_parts.h"
#include "value.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ADDED = 64 << 20, MOST_KEY = 256 };

/* Guests speak of events in the order in which they got them. */
static int is_in_order(const struct eu_batch *batch, uint32_t event) {
    return !batch->count || batch->items[batch->count - 1].before <= event;
}

/* The event of this number, which is none before the last that was spoken of. */
static const struct eu_item *spoken(struct eu_sieve *sieve, uint32_t event) {
    const struct eu_item *items = sieve->in->items;
    for (;; sieve->spoken_item++) {
        if (items[sieve->spoken_item].is_text)
            continue;
        if (sieve->spoken >= event)
            return &items[sieve->spoken_item];
        sieve->spoken++;
    }
}

/* Whether one of some members, `"a":1,"b":"c"`, begins with `"key":`. Within a text a quotation mark has a backslash before it. */
static int has_member(const char *members, size_t size, const struct eu_out *key) {
    const char *found = members, *end = members + size;
    for (; size && (found = memmem(found, (size_t)(end - found), key->data, key->used)); found++)
        if (found == members || found[-1] == ',')
            return 1;
    return 0;
}

/* A line has each member once: -EEXIST where the record has it, or a guest added it. */
static int is_new(struct eu_sieve *sieve, uint32_t event, const char *name, size_t size, const struct eu_out *key) {
    const struct eu_item *item = spoken(sieve, event);
    const struct eu_plan *plan = sieve->run->plan;
    struct eu_field field;
    if (size == 8 && !memcmp(name, "$eunomia", 8))
        return -EINVAL;
    uint32_t record = plan->sources[item->source].first_record + item->type;
    if (!memchr(name, '.', size) && eu_field_find(plan, plan->records[record].type, name, size, &field))
        return -EEXIST;
    if (has_member((const char *)sieve->in->bytes.data + item->members, item->nr_bytes, key))
        return -EEXIST;
    for (size_t i = sieve->members.count; i-- && sieve->members.items[i].before == event;)
        if (has_member((const char *)sieve->members.bytes.data + sieve->members.items[i].at, sieve->members.items[i].size, key))
            return -EEXIST;
    return 0;
}

static int begin_member(struct eu_sieve *sieve, const uint64_t *slots, struct eu_out *member) {
    uint32_t event = (uint32_t)slots[0], size = (uint32_t)slots[4];
    const char *key = (const char *)eu_guest_bytes(sieve->guest, (uint32_t)slots[2], size);
    if (!key)
        return -EFAULT;
    if (event >= sieve->given || !size || size > MOST_KEY || !is_in_order(&sieve->members, event))
        return -EINVAL;
    if (sieve->members.bytes.used > MOST_ADDED)
        return -E2BIG;
    eu_quoted(member, key, size);
    eu_out_char(member, ':');
    return member->failed ? -ENOMEM : is_new(sieve, event, key, size, member);
}

static int end_member(struct eu_sieve *sieve, uint32_t event, struct eu_out *member) {
    struct eu_item item = {.is_text = 1, .size = (uint32_t)member->used, .before = event};
    int err = member->failed || !eu_batch_add(&sieve->members, &item, member->data) ? -ENOMEM : 0;
    eu_out_free(member);
    return err;
}

static int answer(uint64_t *slots, int result) {
    slots[0] = (uint32_t)result;
    return 0;
}

static int add_text(void *context, struct eu_guest *guest, uint64_t *slots) {
    struct eu_sieve *sieve = context;
    struct eu_out member = {0};
    uint32_t size = (uint32_t)slots[8];
    const char *value = (const char *)eu_guest_bytes(guest, (uint32_t)slots[6], size);
    int err = value ? begin_member(sieve, slots, &member) : -EFAULT;
    if (err || size > MOST_ADDED) {
        eu_out_free(&member);
        return answer(slots, err ? err : -E2BIG);
    }
    eu_quoted(&member, value, size);
    return answer(slots, end_member(sieve, (uint32_t)slots[0], &member));
}

static int add_number(void *context, struct eu_guest *guest, uint64_t *slots) {
    struct eu_sieve *sieve = context;
    struct eu_out member = {0};
    int err = begin_member(sieve, slots, &member);
    if (err) {
        eu_out_free(&member);
        return answer(slots, err);
    }
    eu_out_format(&member, "%" PRId64, (int64_t)slots[6]);
    return answer(slots, end_member(sieve, (uint32_t)slots[0], &member));
}

static int emit(void *context, struct eu_guest *guest, uint64_t *slots) {
    struct eu_sieve *sieve = context;
    uint32_t event = sieve->given ? (uint32_t)slots[0] : 0, source = (uint32_t)slots[2], size = (uint32_t)slots[6];
    const uint8_t *record = eu_guest_bytes(guest, (uint32_t)slots[4], size);
    if (!record)
        return answer(slots, -EFAULT);
    struct source *s = source < (uint32_t)sieve->run->nr_sources ? &sieve->run->sources[source] : NULL;
    int type = s && s->view ? eu_view_match(s->view, record, size) : -1;
    if (type < 0 || (sieve->given && event >= sieve->given) || !is_in_order(&sieve->more, event))
        return answer(slots, -EINVAL);
    if (sieve->more.bytes.used > MOST_ADDED)
        return answer(slots, -E2BIG);
    struct eu_item item = {.source = source, .type = (uint32_t)type, .size = size, .is_added = 1, .before = event, .now = sieve->run->now};
    sieve->counts.added++;
    return answer(slots, eu_batch_add(&sieve->more, &item, record) ? 0 : -ENOMEM);
}

static int source_name(void *context, struct eu_guest *guest, uint64_t *slots) {
    struct eu_sieve *sieve = context;
    uint32_t source = (uint32_t)slots[0], room = (uint32_t)slots[4];
    if (!sieve->run || source >= (uint32_t)sieve->run->nr_sources)
        return answer(slots, -ENOENT);
    const char *name = sieve->run->sources[source].account.map;
    size_t size = strlen(name);
    char *to = (char *)eu_guest_bytes(guest, (uint32_t)slots[2], room);
    if (!to)
        return answer(slots, -EFAULT);
    if (room) {
        size_t part = size < room ? size : room - 1;
        memcpy(to, name, part);
        to[part] = 0;
    }
    return answer(slots, (int)size);
}

static int every(void *context, struct eu_guest *guest, uint64_t *slots) {
    struct eu_sieve *sieve = context;
    uint32_t ms = (uint32_t)slots[0];
    if (!ms || ms > INT32_MAX)
        return answer(slots, -EINVAL);
    sieve->interval_ms = ms;
    return answer(slots, 0);
}

const struct eu_guest_function eu_sieve_functions[] = {
    {"eunomia", "add_text", "iiiii:i", add_text, NULL}, {"eunomia", "add_number", "iiiI:i", add_number, NULL},
    {"eunomia", "emit", "iiii:i", emit, NULL},          {"eunomia", "source_name", "iii:i", source_name, NULL},
    {"eunomia", "every", "i:i", every, NULL},           {NULL, NULL, NULL, NULL, NULL},
};

int eu_sieve_use_functions(struct eu_sieve *sieve, const struct eu_guest_function *given) {
    int ours = 0, theirs = 0;
    while (eu_sieve_functions[ours].module)
        ours++;
    while (given && given[theirs].module)
        theirs++;
    sieve->functions = calloc((size_t)(ours + theirs) + 1, sizeof(*given));
    if (!sieve->functions)
        return eu_fail(ENOMEM, "make a guest: out of memory");
    for (int i = 0; i < ours; i++) {
        sieve->functions[i] = eu_sieve_functions[i];
        sieve->functions[i].context = sieve;
    }
    for (int i = 0; i < theirs; i++)
        sieve->functions[ours + i] = given[i];
    sieve->options.functions = sieve->functions;
    return 0;
}
