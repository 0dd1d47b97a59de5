/* A command line: the package's options, as behind `ecli run PACKAGE`. */
#define _GNU_SOURCE
#include "../error.h"
#include "../near.h"
#include "handle.h"
#include <errno.h>
#include <string.h>

struct words {
    char *const *list;
    int count, at;
};

static int unknown(struct eu_tool *tool, const char *word, size_t size) {
    struct eu_near near;
    char name[128], hint[200];
    size = size < sizeof(name) ? size : sizeof(name) - 1;
    memcpy(name, word, size);
    name[size] = 0;
    eu_near_start(&near, name);
    for (int i = 0; i < tool->options.count; i++)
        for (int n = 0; n < tool->options.list[i].nr_switches; n++)
            eu_near_offer(&near, tool->options.list[i].switches[n].spelling);
    eu_near_hint(&near, hint, sizeof(hint));
    return eu_fail(EU_USAGE, "unknown option %s%s%s%s", name, near.best[0] ? " (did you mean " : "", near.best, near.best[0] ? "?)" : "");
}

/* Choose by a spelling; `text` is what is behind it in its own word, NULL: nothing. */
static int take(struct eu_tool *tool, struct eu_option *option, const struct eu_switch *found, const char *text, struct words *words) {
    if (found->meaning >= 0) {
        int on = text ? eu_option_bool(option, text) : 1;
        return on < 0 ? on : eu_option_choose_flag(&tool->options, option, found->meaning == on);
    }
    if (!text && words->at >= words->count)
        return eu_fail(EU_USAGE, "%s needs a value: %s", found->spelling, option->type);
    return eu_option_choose(&tool->options, option, text ? text : words->list[words->at++]);
}

static int take_long(struct eu_tool *tool, const char *word, struct words *words) {
    size_t size = strcspn(word, "=");
    struct eu_switch *found = NULL;
    struct eu_option *option = eu_options_find(&tool->options, word, size, &found);
    return option ? take(tool, option, found, word[size] ? word + size + 1 : NULL, words) : unknown(tool, word, size);
}

/* Letters, as in `-xp 42` or `-p42`. */
static int take_letters(struct eu_tool *tool, const char *word, struct words *words) {
    for (int i = 1; word[i]; i++) {
        char spelling[3] = {'-', word[i], 0};
        struct eu_switch *found = NULL;
        struct eu_option *option = eu_options_find(&tool->options, spelling, 2, &found);
        if (!option)
            return unknown(tool, spelling, 2);
        if (found->meaning < 0) {
            const char *rest = word + i + 1;
            rest += *rest == '=';
            return take(tool, option, found, *rest ? rest : NULL, words);
        }
        int err = take(tool, option, found, NULL, words);
        if (err)
            return err;
    }
    return 0;
}

static int take_all(struct eu_tool *tool, struct words *words) {
    int err = 0;
    while (!err && words->at < words->count) {
        const char *word = words->list[words->at++];
        if (!word)
            return eu_fail(EINVAL, "options: a word is NULL");
        if (!strcmp(word, "--"))
            break;
        if (word[0] != '-' || !word[1])
            return eu_fail(EU_USAGE, "unexpected argument %.100s: a package takes options only", word);
        err = word[1] == '-' ? take_long(tool, word, words) : take_letters(tool, word, words);
    }
    return err;
}

PUBLIC int eunomia_set_arguments(struct eunomia_bpf *tool, int argc, char *const argv[]) {
    struct words words = {.list = argv, .count = argc, .at = 1};
    int err = eu_enter(tool, OPENED, "set options");
    if (err)
        return err;
    err = argc > 1 && !argv ? eu_fail(EINVAL, "set options: no words (NULL)") : take_all(tool->tool, &words);
    eu_leave(tool);
    return err == -EU_USAGE ? -EINVAL : err;
}
