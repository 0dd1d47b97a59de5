/* The words behind the program: the package's options first, then those that concern events: src/eunomia/cli/arguments.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "command.h"
#include "meant.h"
#include <stdlib.h>
#include <string.h>

static int take(struct eu_tool *tool, struct eu_option *option, const struct eu_switch *found, const char *text, char **words, int count,
                int *at) {
    if (found->meaning >= 0) { /* `--x=false` of a flag that means true says the opposite */
        int on = text ? eu_option_bool(option, text) : 1;
        return on < 0 ? on : eu_option_choose_flag(&tool->options, option, found->meaning == on);
    }
    if (!text && *at >= count)
        return eu_fail(EU_USAGE, "%s needs a value: %s", found->spelling, option->type);
    return eu_option_choose(&tool->options, option, text ? text : words[(*at)++]);
}

static int unknown(struct command *command, struct eu_tool *tool, const char *word) {
    struct eu_meant meant;
    const char *name = eu_pool_copy(&command->pool, word, strcspn(word, "="));
    eu_meant_start(&meant, name);
    for (int i = 0; tool && i < tool->options.count; i++)
        for (int n = 0; n < tool->options.list[i].nr_switches; n++)
            if (tool->options.list[i].switches[n].spelling[1] == '-')
                eu_meant_offer(&meant, tool->options.list[i].switches[n].spelling);
    for (int i = 0; i < OPTIONS; i++)
        if (!eu_opt_rows()[i].is_hidden)
            eu_meant_offer(&meant, eu_pool_print(&command->pool, "--%s", eu_opt_rows()[i].name));
    if (meant.best)
        return eu_fail(EU_USAGE, "unknown option %s (did you mean %s?) [see %s --help]", name, meant.best, command->title);
    return eu_fail(EU_USAGE, "unknown option %s [see %s --help]", name, command->title);
}

static int take_long(struct command *command, struct eu_tool *tool, char **words, int count, int *at) {
    const char *word = words[*at], *equals = strchr(word, '=');
    struct eu_switch *found = NULL;
    size_t size = equals ? (size_t)(equals - word) : strlen(word);
    struct eu_option *option = tool ? eu_options_find(&tool->options, word, size, &found) : NULL;
    if (option) {
        ++*at;
        return take(tool, option, found, equals ? equals + 1 : NULL, words, count, at);
    }
    static const char *const asked[] = {[ASKED_HELP] = "--help", [ASKED_VERSION] = "--version", [ASKED_LICENSES] = "--licenses"};
    for (int i = ASKED_HELP; i <= ASKED_LICENSES; i++)
        if (!strcmp(word, asked[i])) {
            command->asked = i;
            return 0;
        }
    int taken = eu_command_long(command, words, count, at);
    return taken < 0 ? taken : taken ? 0 : unknown(command, tool, word);
}

/* A cluster of short options, as in `-xp 42` or `-p42`. */
static int take_cluster(struct command *command, struct eu_tool *tool, char **words, int count, int *at) {
    const char *word = words[*at];
    for (int i = 1; word[i]; i++) {
        char spelling[3] = {'-', word[i], 0};
        struct eu_switch *found = NULL;
        struct eu_option *option = tool ? eu_options_find(&tool->options, spelling, 2, &found) : NULL;
        if (!option && eu_opt_letter(word[i]) >= 0) {
            int letter = i, taken = eu_command_short(command, words, count, at, &letter);
            if (taken)
                return taken < 0 ? taken : 0;
            i = letter - 1; /* what comes now is not of this table */
            continue;
        }
        if (!option && (word[i] == 'h' || word[i] == 'V')) {
            command->asked = word[i] == 'h' ? ASKED_HELP : ASKED_VERSION;
            return 0;
        }
        if (!option)
            return eu_fail(EU_USAGE, "unknown option %s [see %s --help]", spelling, command->title);
        if (found->meaning < 0) {
            const char *rest = word + i + 1;
            ++*at;
            rest += *rest == '=';
            return take(tool, option, found, *rest ? rest : NULL, words, count, at);
        }
        int err = take(tool, option, found, NULL, words, count, at);
        if (err)
            return err;
    }
    ++*at;
    return 0;
}

int eu_take_words(struct command *command, char **words, int count, int *at) {
    return words[*at][1] == '-' ? take_long(command, NULL, words, count, at) : take_cluster(command, NULL, words, count, at);
}

int eu_take_arguments(struct command *command, struct eu_tool *tool, char **words, int count) {
    int at = 0, err = 0;
    while (at < count && !err && !command->asked) {
        const char *word = words[at];
        if (!strcmp(word, "--")) {
            at++;
            break;
        }
        if (word[0] != '-' || !word[1])
            break;
        err = word[1] == '-' ? take_long(command, tool, words, count, &at) : take_cluster(command, tool, words, count, &at);
    }
    if (err || command->asked || at >= count)
        return err;
    struct eu_out quoted = {0};
    eu_put_quoted(&quoted, words[at], 200);
    eu_fail(EU_USAGE, "unexpected argument %s: %s takes options only [see %s --help]", eu_out_end(&quoted), tool->package.origin,
            command->title);
    eu_out_free(&quoted);
    return -EU_USAGE;
}
