/* Help pages: what src/eunomia/cli/tool_help.py and help.py write of a package. */
#define _GNU_SOURCE
#include "command.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LEFT = 30, SHORT_CHOICES = 24, WIDEST = 110, NARROWEST = 40 };

int eu_columns(void) {
    struct winsize size;
    const char *named = getenv("COLUMNS");
    int columns = named ? atoi(named) : 0;
    if (columns <= 0)
        columns = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 100;
    return columns < NARROWEST ? NARROWEST : columns > WIDEST ? WIDEST : columns;
}

static void put_spelling(struct eu_out *out, const struct eu_option *option) {
    static const char *const words[EU_OPTION_KINDS] = {
        [EU_INT] = "N",           [EU_UINT] = "N",    [EU_FLOAT] = "X",    [EU_STRING] = "TEXT",   [EU_CHAR] = "C",
        [EU_NETWORK] = "NETWORK", [EU_ENUM] = "NAME", [EU_BOOL] = "VALUE", [EU_TRISTATE] = "VALUE"};
    struct eu_out choices = {0};
    const char *letter = "    ";
    for (int i = option->nr_switches - 1; i >= 0; i--)
        if (option->switches[i].spelling[1] != '-')
            letter = option->switches[i].spelling;
    eu_put_clean(out, letter);
    eu_out_text(out, *letter == '-' ? ", " : "");
    eu_put_clean(out, option->switches[0].spelling);
    if (!eu_option_takes_value(option))
        return;
    for (const struct eu_json *each = eu_json_first(option->document, option->choices); each; each = eu_json_next(option->document, each)) {
        eu_out_text(&choices, choices.used ? "|" : "");
        eu_out_put(&choices, each->key, each->key_size);
    }
    const char *named = eu_out_end(&choices);
    size_t shown = eu_characters(named, choices.used);
    for (int times = 0; times < 1 + (option->count > 0); times++) {
        eu_out_text(out, times ? "[," : " ");
        eu_put_clean(out, shown && shown <= SHORT_CHOICES ? named : words[option->kind]);
    }
    eu_out_text(out, option->count ? "...]" : "");
    eu_out_free(&choices);
}

static void put_fact(struct eu_out *facts) {
    if (facts->used)
        eu_out_text(facts, "; ");
}

static void put_limit(struct eu_out *facts, const struct eu_json *limit) {
    struct eu_value value = eu_value_of(limit);
    if (value.kind == EU_IS_REAL)
        eu_put_real(facts, value.real);
    else if (value.kind == EU_IS_WHOLE)
        eu_put_wide(facts, value.whole);
}

static void put_choices_fact(struct eu_out *facts, const struct eu_option *option, int has_text) {
    size_t length = 0;
    for (const struct eu_json *each = eu_json_first(option->document, option->choices); each; each = eu_json_next(option->document, each))
        length += eu_characters(each->key, each->key_size) + (length > 0);
    if (length > SHORT_CHOICES) {
        struct eu_out list = {0};
        eu_option_put_choices(&list, option);
        eu_out_text(facts, "one of ");
        eu_put_clean(facts, eu_out_end(&list));
        eu_out_free(&list);
    } else if (!option->choices && (eu_option_takes_value(option) || !has_text)) {
        if (option->kind == EU_NETWORK)
            eu_out_format(facts, "up to %lld", option->count ? (long long)option->count : 1LL);
        else
            eu_put_clean(facts, option->type);
    }
}

/* Text with runs of space made one. */
static void put_squeezed(struct eu_out *out, const char *text) {
    struct eu_out squeezed = {0};
    for (; *text; text++) {
        if (!isspace((unsigned char)*text))
            eu_out_char(&squeezed, *text);
        else if (squeezed.used && squeezed.data[squeezed.used - 1] != ' ')
            eu_out_char(&squeezed, ' ');
    }
    if (squeezed.used && squeezed.data[squeezed.used - 1] == ' ')
        squeezed.used--;
    eu_put_clean(out, eu_out_end(&squeezed));
    eu_out_free(&squeezed);
}

static void put_note(struct eu_out *out, const struct eu_option *option) {
    struct eu_out facts = {0}, shown = {0};
    put_squeezed(out, option->help);
    put_choices_fact(&facts, option, out->used > 0);
    if (option->limits) {
        const struct eu_json *low = eu_json_first(option->document, option->limits);
        put_fact(&facts);
        put_limit(&facts, low);
        eu_out_text(&facts, "..");
        put_limit(&facts, eu_json_next(option->document, low));
    }
    eu_option_put_default(&shown, option);
    const char *text = eu_out_end(&shown);
    if (eu_option_takes_value(option) && *text) {
        put_fact(&facts);
        eu_out_text(&facts, "default: ");
        eu_put_clean(&facts, text);
    }
    if (facts.used) {
        eu_out_text(out, out->used ? " [" : "[");
        eu_out_put(out, facts.data, facts.used);
        eu_out_char(out, ']');
    }
    eu_out_free(&facts);
    eu_out_free(&shown);
}

static void put_own(struct eu_out *out, const struct eu_option *option, int columns) {
    struct eu_out head = {0}, note = {0};
    put_spelling(&head, option);
    put_note(&note, option);
    eu_put_rows(out, eu_out_end(&head), eu_out_end(&note), columns);
    eu_out_free(&head);
    eu_out_free(&note);
}

static void put_spelled(struct eu_out *out, const struct opt_row *row, int columns) {
    struct eu_out head = {0}, note = {0};
    const char *no = row->kind == KIND_FLAG && row->is_on > 0 ? "no-" : row->kind == KIND_FLAG && row->is_on < 0 ? "[no-]" : "";
    if (row->letter)
        eu_out_format(&head, "-%c, ", row->letter);
    eu_out_format(&head, "%s--%s%s%s%s", row->letter ? "" : "    ", no, row->name, *row->metavar ? " " : "", row->metavar);
    eu_out_text(&note, row->help);
    if (*row->initial)
        eu_out_format(&note, " [default: %s]", row->initial);
    if (row->repeats)
        eu_out_text(&note, " (may be repeated)");
    eu_put_rows(out, eu_out_end(&head), eu_out_end(&note), columns);
    eu_out_free(&head);
    eu_out_free(&note);
}

void eu_put_options(struct eu_out *out, int columns) {
    const struct opt_row *rows = eu_opt_rows();
    for (int i = 0; i < OPTIONS; i++) {
        if (rows[i].is_hidden)
            continue;
        int is_first = 1;
        for (int n = 0; n < i; n++)
            is_first &= strcmp(rows[n].group, rows[i].group) != 0;
        if (!is_first)
            continue;
        eu_out_format(out, "\n%s:\n", rows[i].group);
        for (int n = i; n < OPTIONS; n++)
            if (!rows[n].is_hidden && !strcmp(rows[n].group, rows[i].group))
                put_spelled(out, &rows[n], columns);
    }
    eu_put_rows(out, "-h, --help", "show this page", columns);
    eu_put_rows(out, "-V, --version", "show the version", columns);
    eu_put_rows(out, "    --licenses", "show the licences of what is linked into this program", columns);
}

void eu_put_help(struct eu_out *out, const struct command *command, const struct eu_tool *tool, int columns) {
    const struct eu_package *package = &tool->package;
    struct eu_out brief = {0}, description = {0}, details = {0};
    eu_put_doc(&brief, package, "brief");
    eu_put_doc(&description, package, "description");
    eu_put_doc(&details, package, "details");
    if (!brief.used && description.used)
        eu_out_put(&brief, description.data, description.used);
    if (!brief.used) {
        eu_put_clean(&brief, package->name);
        eu_out_text(&brief, ": an eBPF program");
    }
    eu_put_paragraphs(out, eu_out_end(&brief), columns);
    eu_out_format(out, "\nUsage: %s [OPTIONS]\n", command->title);
    if (description.used && strcmp(eu_out_end(&description), eu_out_end(&brief))) {
        eu_out_char(out, '\n');
        eu_put_paragraphs(out, eu_out_end(&description), columns);
    }
    if (tool->options.count)
        eu_out_text(out, "\nOptions of the tool:\n");
    for (int i = 0; i < tool->options.count; i++)
        put_own(out, &tool->options.list[i], columns);
    eu_put_options(out, columns);
    if (details.used) {
        eu_out_char(out, '\n');
        eu_put_paragraphs(out, eu_out_end(&details), columns);
    }
    eu_out_free(&brief);
    eu_out_free(&description);
    eu_out_free(&details);
}
