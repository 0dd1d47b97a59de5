/* Options long and short over the table: src/eunomia/cli/parser.py and run_checks.py. */
#define _GNU_SOURCE
#define TOOL_OPTIONS
#include "command.h"
#include "../error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_QUEUE = 256 << 20 };

const struct opt_row *eu_opt_rows(void) {
    return rows;
}

void eu_command_begin(struct command *command) {
    *command = (struct command){0};
    for (int i = 0; i < OPTIONS; i++) {
        command->values[i].on = rows[i].kind == KIND_FLAG ? rows[i].is_on : 0;
        command->values[i].text = *rows[i].initial ? rows[i].initial : NULL;
    }
}

int eu_opt_letter(char letter) {
    for (int i = 0; i < OPTIONS; i++)
        if (rows[i].letter == letter)
            return i;
    return -1;
}

static int find(const char *name, size_t size) {
    for (int i = 0; i < OPTIONS; i++)
        if (strlen(rows[i].name) == size && !strncmp(rows[i].name, name, size))
            return i;
    return -1;
}

static int takes_value(int option) {
    return rows[option].kind != KIND_FLAG && rows[option].kind != KIND_VERBOSE;
}

static void set_flag(struct command *command, int option, int on) {
    struct opt_value *value = &command->values[option];
    value->is_given = 1;
    value->on = rows[option].kind == KIND_VERBOSE ? value->on + 1 : on;
}

int eu_command_long(struct command *command, char **words, int count, int *at) {
    const char *name = words[*at] + 2, *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    int option = find(name, size), on = 1;
    if (option < 0 && size > 3 && !strncmp(name, "no-", 3)) {
        option = find(name + 3, size - 3);
        on = 0;
        if (option >= 0 && rows[option].kind != KIND_FLAG)
            option = -1;
    }
    if (option < 0)
        return 0;
    ++*at;
    if (!takes_value(option)) {
        if (equals)
            return eu_fail(EU_USAGE, "--%.*s takes no value, found '%s'", (int)size, name, equals + 1);
        set_flag(command, option, on);
        return 1;
    }
    if (!equals && *at >= count)
        return eu_fail(EU_USAGE, "--%s needs a value: %s", rows[option].name, rows[option].metavar);
    int err = eu_opt_convert(command, option, equals ? equals + 1 : words[(*at)++]);
    return err ? err : 1;
}

int eu_command_short(struct command *command, char **words, int count, int *at, int *letter) {
    const char *word = words[*at];
    for (; word[*letter]; ++*letter) {
        int option = eu_opt_letter(word[*letter]);
        if (option < 0)
            return 0;
        if (!takes_value(option)) {
            set_flag(command, option, 1);
            continue;
        }
        const char *text = word + *letter + 1;
        ++*at;
        if (!*text && *at >= count)
            return eu_fail(EU_USAGE, "-%c needs a value: %s", word[*letter], rows[option].metavar);
        int err = eu_opt_convert(command, option, !*text ? words[(*at)++] : *text == '=' ? text + 1 : text);
        return err ? err : 1;
    }
    ++*at;
    return 1;
}

static int check_format(const struct opt_value *v) {
    const char *format = v[OPT_FORMAT].text, *first = v[OPT_JSON].on ? "json" : v[OPT_FOLDED].on ? "folded" : NULL;
    if (v[OPT_JSON].on && v[OPT_FOLDED].on)
        return eu_fail(EU_USAGE, "--json and --folded exclude each other");
    if (first && format && strcmp(format, first))
        return eu_fail(EU_USAGE, "--%s and --format %s exclude each other", first, format);
    if (v[OPT_COMPAT].on && format && (!strcmp(format, "csv") || !strcmp(format, "raw")))
        return eu_fail(EU_USAGE, "--compat knows text and JSON, not --format %s", format);
    return 0;
}

static int check_output(const struct opt_value *v) {
    static const int rotation[] = {OPT_ROTATE_SIZE, OPT_ROTATE_AFTER, OPT_ROTATE_KEEP};
    for (int i = 0; i < 3; i++)
        if (v[rotation[i]].is_given && (!v[OPT_OUTPUT].text || !strcmp(v[OPT_OUTPUT].text, "-")))
            return eu_fail(EU_USAGE, "--%s needs --output FILE: standard output is not rotated", rows[rotation[i]].name);
    if (v[OPT_ROTATE_KEEP].is_given && !v[OPT_ROTATE_SIZE].is_given && !v[OPT_ROTATE_AFTER].is_given)
        return eu_fail(EU_USAGE, "--rotate-keep needs --rotate-size or --rotate-after: when a new file begins");
    if (v[OPT_QUEUE].number > MAX_QUEUE)
        return eu_fail(EU_USAGE, "--queue: %lld bytes, at most %dM", (long long)v[OPT_QUEUE].number, MAX_QUEUE >> 20);
    return 0;
}

int eu_command_check(struct command *command) {
    const struct opt_value *v = command->values;
    for (int i = 0; i < v[OPT_PERF_PAGES].count; i++) {
        const char *text = v[OPT_PERF_PAGES].list[i], *equals = strrchr(text, '=');
        int64_t pages;
        text = equals ? equals + 1 : text;
        if (eu_convert_count(text, &pages))
            return eu_fail(EU_USAGE, "--perf-pages: '%s' is not a whole number above 0", text);
        if (pages & (pages - 1) || pages > 1 << 30)
            return eu_fail(EU_USAGE, "--perf-pages: %lld is not a power of two", (long long)pages);
    }
    if (v[OPT_CPU].is_given && eu_possible_cpus() > 0 && v[OPT_CPU].number >= eu_possible_cpus())
        return eu_fail(EU_USAGE, "--cpu: no CPU %lld: this machine has 0 to %d", (long long)v[OPT_CPU].number, eu_possible_cpus() - 1);
    int err = check_format(v);
    return err ? err : check_output(v);
}
