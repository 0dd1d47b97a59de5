/* Spellings of options on a command line, and what happens when two want the same one: src/eunomia/package/switches.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "../hash.h"
#include "option.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 12 }; /* spellings of one option */
static const char *const reserved[] = {"--help", "--version", "-h", "-V"};

/* The spellings that somebody has: a table with open places. */
struct taken {
    const char **places;
    size_t room; /* a power of two */
    uint64_t seed;
};

static const char **place_of(const struct taken *taken, const char *spelling) {
    uint64_t hash = taken->seed;
    for (const char *s = spelling; *s; s++)
        hash = eu_fold(hash ^ (uint8_t)*s, 0x9e3779b97f4a7c15u);
    size_t at = hash & (taken->room - 1);
    while (taken->places[at] && strcmp(taken->places[at], spelling))
        at = (at + 1) & (taken->room - 1);
    return &taken->places[at];
}

static int is_taken(const struct taken *taken, const char *spelling) {
    return *place_of(taken, spelling) != NULL;
}

static void take(struct taken *taken, struct eu_option *option, const char *spelling, int meaning) {
    if (option->nr_switches < MOST)
        option->switches[option->nr_switches++] = (struct eu_switch){spelling, meaning};
    *place_of(taken, spelling) = spelling;
}

int eu_option_takes_value(const struct eu_option *option) {
    return option->kind != EU_BOOL || option->count;
}

/* Whether JSON stands for something: not false, null, 0 or empty. */
static int is_true(const struct eu_json *value) {
    if (!value)
        return 0;
    switch (value->kind) {
    case EU_NUMBER:
        return strtod(value->text, NULL) != 0;
    case EU_TEXT:
        return value->size > 0;
    case EU_ARRAY:
    case EU_TREE:
        return value->count > 0;
    default:
        return value->kind == EU_TRUE;
    }
}

/* What giving the flag means: the opposite of the default; -1: it takes a value. */
static int flag_value(const struct eu_option *option) {
    if (eu_option_takes_value(option))
        return -1;
    if (!option->given_default)
        return !is_true(option->initial);
    return !is_true(option->given_default) || eu_json_is(option->given_default, "false");
}

/* A long name that nothing else has, neither with what is put before it nor alone. */
static const char *free_name(struct eu_pool *pool, const struct taken *taken, const char *longer, const char *before) {
    const char *candidate = longer;
    for (int number = 1; !pool->failed; number++) {
        if (!is_taken(taken, eu_pool_print(pool, "--%s%s", before, candidate)) && !is_taken(taken, eu_pool_print(pool, "--%s", candidate)))
            break;
        candidate = number == 1 ? eu_pool_print(pool, "set-%s", longer) : eu_pool_print(pool, "set-%s-%d", longer, number);
    }
    return candidate;
}

static void take_free(struct eu_pool *pool, struct taken *taken, struct eu_option *option, const char *before, const char *name,
                      int meaning) {
    const char *spelling = eu_pool_print(pool, "--%s%s", before, name);
    if (!is_taken(taken, spelling))
        take(taken, option, spelling, meaning);
}

static void take_others(struct eu_pool *pool, struct taken *taken, struct eu_option *option, const char *name, int value) {
    if (value < 0) {
        take_free(pool, taken, option, "", name, -1);
        return;
    }
    if (value || !option->given_default) {
        take_free(pool, taken, option, "", name, 1);
        take_free(pool, taken, option, "enable-", name, 1);
    }
    if (!value || !option->given_default) {
        take_free(pool, taken, option, "no-", name, 0);
        take_free(pool, taken, option, "disable-", name, 0);
    }
}

static void spell_others(struct eu_pool *pool, struct taken *taken, struct eu_option *option) {
    int value = flag_value(option);
    const char *spelling = eu_pool_print(pool, "-%s", option->shorter);
    if (is_taken(taken, spelling))
        option->shorter = "";
    else if (*option->shorter)
        take(taken, option, spelling, value);
    take_others(pool, taken, option, option->longer, value);
    if (!strchr(option->longer, '_'))
        return;
    char *dashes = (char *)eu_pool_copy(pool, option->longer, strlen(option->longer));
    for (char *s = dashes; *s; s++)
        *s = *s == '_' ? '-' : *s;
    take_others(pool, taken, option, dashes, value);
}

int eu_options_spell(struct eu_options *options) {
    struct eu_pool *pool = &options->pool;
    struct taken taken = {.room = 64, .seed = eu_hash_seed(pool)};
    while (taken.room < (size_t)options->count * MOST * 2)
        taken.room *= 2;
    taken.places = eu_pool_get(pool, taken.room * sizeof(*taken.places));
    struct eu_switch *switches = eu_pool_get(pool, ((size_t)options->count * MOST + 1) * sizeof(*switches));
    if (!taken.places || !switches)
        return eu_fail(ENOMEM, "read options: out of memory");
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        *place_of(&taken, reserved[i]) = reserved[i];
    for (int i = 0; i < options->count; i++) {
        struct eu_option *option = &options->list[i];
        int value = flag_value(option);
        const char *before = value < 0 ? "" : !option->given_default ? value ? "" : "no-" : value ? "enable-" : "disable-";
        option->switches = switches + (size_t)i * MOST;
        option->longer = free_name(pool, &taken, option->longer, before);
        take(&taken, option, eu_pool_print(pool, "--%s%s", before, option->longer), value);
    }
    for (int i = 0; i < options->count; i++)
        spell_others(pool, &taken, &options->list[i]);
    return pool->failed ? eu_fail(ENOMEM, "read options: out of memory") : 0;
}

struct eu_option *eu_options_find(struct eu_options *options, const char *spelling, size_t size, struct eu_switch **found) {
    for (int i = 0; i < options->count; i++) {
        struct eu_option *option = &options->list[i];
        for (int n = 0; n < option->nr_switches; n++) {
            *found = &option->switches[n];
            if (!strncmp((*found)->spelling, spelling, size) && !(*found)->spelling[size])
                return option;
        }
    }
    return NULL;
}
