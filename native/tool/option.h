/* The options of a package: global variables that are set before load, by the rows of meta.eunomia.options. */
#ifndef TOOL_OPTION_H
#define TOOL_OPTION_H
#include "package.h"
#include "pool.h"
#include "words.h"

enum eu_option_kind { EU_INT, EU_UINT, EU_BOOL, EU_CHAR, EU_ENUM, EU_FLOAT, EU_STRING, EU_NETWORK, EU_TRISTATE, EU_OPTION_KINDS };

struct eu_switch {
    const char *spelling;
    int meaning; /* of a bool: what giving it means; -1: a value follows */
};
struct eu_option {
    const char *name, *section, *type, *help;
    const char *longer, *shorter; /* names without dashes; shorter: one character, or "" */
    int64_t offset, size, count;  /* count 0: no array */
    enum eu_option_kind kind;
    const struct eu_json *given_default, *initial, *limits, *choices;
    const struct eu_document *document;
    struct eu_switch *switches;
    int nr_switches;
    uint8_t *value; /* bytes that were chosen, NULL: none; of .kconfig: a line of text */
};
struct eu_options {
    struct eu_pool pool;
    struct eu_option *list;
    int count;
};

/* Exit code 2: the command line is wrong, or an option's value. */
enum { EU_USAGE = 4002 };

/* Make the list of a package: 0, or -errno and eu_error(). */
int eu_options_read(struct eu_options *options, const struct eu_package *package);
void eu_options_free(struct eu_options *options);
/* switches.c: give each its spellings on a command line. */
int eu_options_spell(struct eu_options *options);
/* The option that has a spelling, NULL: none. */
struct eu_option *eu_options_find(struct eu_options *options, const char *spelling, size_t size, struct eu_switch **found);
/* Choose a value by its text on a command line: 0, or -EU_USAGE and eu_error(). */
int eu_option_choose(struct eu_options *options, struct eu_option *option, const char *text);
int eu_option_choose_flag(struct eu_options *options, struct eu_option *option, int on);
/* What a text on the command line says of a bool: 1, 0, or -EU_USAGE. */
int eu_option_bool(const struct eu_option *option, const char *text);
/* Choose the package's own value where it has one. */
int eu_option_choose_default(struct eu_options *options, struct eu_option *option);
int eu_option_takes_value(const struct eu_option *option);
/* What a help page shows as its default. */
void eu_option_put_default(struct eu_out *out, const struct eu_option *option);
/* Fail as "option --X: CAUSE"; CAUSE is freed. */
int eu_option_fail(const struct eu_option *option, struct eu_out *cause);

/* option_value.c: values. */
struct eu_value {
    enum { EU_IS_TEXT, EU_IS_WHOLE, EU_IS_REAL, EU_IS_BOOL, EU_IS_ODD } kind;
    const char *text; /* of a text; of JSON that is none of these: what it is */
    size_t size;
    struct eu_wide whole;
    double real;
};
struct eu_value eu_value_of(const struct eu_json *json);
/* A text of the command line as a value of the option's kind; 0 or -EU_USAGE. */
int eu_option_parse(const struct eu_option *option, const char *text, struct eu_value *value);
/* The bytes of one element. */
int eu_option_encode(const struct eu_option *option, const struct eu_value *value, uint8_t *bytes);
int eu_option_ranged(const struct eu_option *option, struct eu_wide number);
int eu_option_limited(const struct eu_option *option, const struct eu_value *value);
/* As a user would type it. */
void eu_option_put_value(struct eu_out *out, const struct eu_option *option, const struct eu_value *value);
/* "a, b, c", at most 12 of the choices. */
void eu_option_put_choices(struct eu_out *out, const struct eu_option *option);
/* network.c: an address and a length; 0, or -1 and the cause in *out. */
int eu_network_encode(const char *text, uint8_t bytes[20], struct eu_out *out);
#endif
