/* The command line: ecli's options that concern events, by the table that ecli has. */
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H
#include "tool.h"

struct opt_row {
    const char *name, *help, *metavar, *group, *choices, *initial;
    char letter;
    int kind, is_on /* of a flag: 1 `--no-x` is shown, -1 both */, repeats, is_hidden;
};
#include "tables.h"

struct opt_value {
    int is_given, on; /* on: of flags; how often, of -v */
    double real;
    int64_t number;
    const char *text;
    const char **list;
    int count;
};
enum asked { ASKED_NOTHING, ASKED_HELP, ASKED_VERSION, ASKED_LICENSES };

struct command {
    struct opt_value values[OPTIONS];
    const char *program; /* how messages begin, and usage lines */
    const char *title;   /* as help is asked for: "opensnoop", "eunomia-run FILE" */
    struct eu_pool pool;
    int asked;
};
const struct opt_row *eu_opt_rows(void);
void eu_command_begin(struct command *command);
/* Take the long option in words[*at] (its value may be the next word); *at is moved behind it. 1 taken, 0 no such option, or
 * -EU_USAGE. `count`: words there are. */
int eu_command_long(struct command *command, char **words, int count, int *at);
/* The same for the letters of words[*at] from `letter` on; `letter` stays where one is unknown (0). */
int eu_command_short(struct command *command, char **words, int count, int *at, int *letter);
/* The row of a letter, -1: none. */
int eu_opt_letter(char letter);
/* What can be told without the package. */
int eu_command_check(struct command *command);
/* convert.c: a value's text; 0, or -EU_USAGE. */
int eu_opt_convert(struct command *command, int option, const char *text);
int eu_convert_size(const char *text, int64_t *bytes);
int eu_convert_count(const char *text, int64_t *number);

/* arguments.c: the words behind the program, which are the package's options first; and one option before it. */
int eu_take_words(struct command *command, char **words, int count, int *at);
int eu_take_arguments(struct command *command, struct eu_tool *tool, char **words, int count);
/* help.c */
void eu_put_help(struct eu_out *out, const struct command *command, const struct eu_tool *tool, int columns);
void eu_put_options(struct eu_out *out, int columns);
void eu_put_rows(struct eu_out *out, const char *head, const char *text, int columns);
int eu_columns(void);
/* wrap.c: text wrapped as Python's textwrap does; blank lines part paragraphs, one with indented lines stays as it is. */
void eu_put_wrapped(struct eu_out *out, const char *text, size_t size, int columns, int indent, int first);
void eu_put_paragraphs(struct eu_out *out, const char *text, int columns);
/* A text of the package's `doc`, "" where there is none. */
void eu_put_doc(struct eu_out *out, const struct eu_package *package, const char *key);
/* adjust.c: programs left out, buffers' sizes, targets. */
int eu_adjust(const struct command *command, struct eu_tool *tool);
int eu_no_such(const char *option, const char *what, const char *name, size_t size, struct eu_tool *tool, int kind);
int eu_choose_targets(const struct command *command, struct eu_tool *tool);
/* Before load: the programs that others attach to. */
int eu_bind_targets(const struct command *command, struct eu_tool *tool);
/* losses.c: the line about events at the end. */
struct eu_ended {
    uint64_t produced, lost; /* lost: not by --sample and --rate-limit */
};
void eu_put_accounts(struct eu_out *out, struct eu_tool *tool, struct eu_run *run, struct eu_ended *ended);
/* run_tool.c: all of it; the exit code. */
int eu_run_tool(struct command *command, struct eu_tool *tool);
void eu_warn(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* iterate.c: what iterators print; 1 that was all there is to do, 0 it is not, or -errno. */
int eu_show_iterators(const struct command *command, struct eu_tool *tool, int out, int has_sources);
#endif
