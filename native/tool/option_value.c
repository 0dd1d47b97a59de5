/* From text and JSON to the bytes of a variable: what fits, and what is said of what does not. */
#define _GNU_SOURCE
#include "../error.h"
#include "option.h"
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SHOWN = 60, MOST_DIGITS = 80 };

int eu_option_fail(const struct eu_option *option, struct eu_out *cause) {
    const char *text = eu_out_end(cause);
    if (option->nr_switches)
        eu_fail(EU_USAGE, "option %s: %s", option->switches[0].spelling, text);
    else
        eu_fail(EU_USAGE, "option --%s: %s", option->longer, text);
    eu_out_free(cause);
    return -EU_USAGE;
}

static int refuse(const struct eu_option *option, const char *expected, const char *text) {
    struct eu_out out = {0};
    eu_out_format(&out, "expected %s, got ", expected);
    eu_put_quoted(&out, text, SHOWN);
    return eu_option_fail(option, &out);
}

struct eu_value eu_value_of(const struct eu_json *json) {
    struct eu_value value = {.kind = EU_IS_ODD, .text = "None"};
    if (json->kind == EU_TEXT)
        return (struct eu_value){.kind = EU_IS_TEXT, .text = json->text, .size = json->size};
    if (json->kind == EU_TRUE || json->kind == EU_FALSE)
        return (struct eu_value){.kind = EU_IS_BOOL, .whole.size = json->kind == EU_TRUE};
    if (json->kind != EU_NUMBER)
        return value;
    if (!json->is_whole)
        return (struct eu_value){.kind = EU_IS_REAL, .real = strtod(json->text, NULL)};
    value.kind = EU_IS_WHOLE;
    value.whole.is_negative = json->text[0] == '-';
    for (const char *s = json->text + value.whole.is_negative; *s; s++) {
        unsigned __int128 before = value.whole.size;
        value.whole.size = before * 10 + (unsigned)(*s - '0');
        value.whole.is_huge |= before > ((unsigned __int128)-1 - 9) / 10;
    }
    return value;
}

void eu_option_put_choices(struct eu_out *out, const struct eu_option *option) {
    int count = 0;
    for (const struct eu_json *each = eu_json_first(option->document, option->choices); each; each = eu_json_next(option->document, each)) {
        if (count++ == 12) {
            eu_out_text(out, ", …");
            return;
        }
        eu_out_text(out, count > 1 ? ", " : "");
        eu_out_put(out, each->key, each->key_size);
    }
}

/* The choice of this name, else the only one that is so but for its case. */
static const struct eu_json *choice_of(const struct eu_option *option, const char *text) {
    const struct eu_json *found = eu_json_get(option->document, option->choices, text);
    int same = 0;
    if (found || !option->choices)
        return found;
    for (const struct eu_json *each = eu_json_first(option->document, option->choices); each; each = eu_json_next(option->document, each))
        if (each->key_size == strlen(text) && !strncasecmp(each->key, text, each->key_size)) {
            found = each;
            same++;
        }
    return same == 1 ? found : NULL;
}

static int digit_of(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* 42, -0x2a, 0b101, 0o17, 017. */
static int parse_whole(const char *text, struct eu_wide *number) {
    char body[MOST_DIGITS + 4], *s = body;
    while (isspace((unsigned char)*text))
        text++;
    size_t size = strlen(text);
    while (size && isspace((unsigned char)text[size - 1]))
        size--;
    if (size > MOST_DIGITS + 1)
        return -1;
    for (size_t i = 0; i < size; i++)
        body[i] = (char)tolower((unsigned char)text[i]);
    body[size] = 0;
    *number = (struct eu_wide){.is_negative = *s == '-'};
    s += *s == '-' || *s == '+';
    int base = s[0] == '0' && s[1] == 'x' ? 16 : s[0] == '0' && s[1] == 'o' ? 8 : s[0] == '0' && s[1] == 'b' ? 2 : 0;
    s += base ? 2 : 0;
    base = base ? base : s[0] == '0' && s[1] ? 8 : 10;
    if (!*s)
        return -1;
    for (; *s; s++) {
        unsigned __int128 before = number->size;
        if (digit_of(*s) >= base)
            return -1;
        number->size = before * (unsigned)base + (unsigned)digit_of(*s);
        number->is_huge |= before > ((unsigned __int128)-1 - (unsigned)base) / (unsigned)base;
    }
    return 0;
}

int eu_option_ranged(const struct eu_option *option, struct eu_wide number) {
    unsigned bits = (unsigned)option->size * 8;
    unsigned __int128 all = bits >= 128 ? (unsigned __int128)-1 : ((unsigned __int128)1 << bits) - 1;
    int is_signed = option->kind != EU_UINT, is_open = option->kind == EU_ENUM || option->kind == EU_CHAR;
    struct eu_wide low = {.size = is_signed ? (all >> 1) + 1 : 0, .is_negative = is_signed},
                   high = {.size = is_signed && !is_open ? all >> 1 : all};
    if (eu_wide_compare(number, low) >= 0 && eu_wide_compare(number, high) <= 0)
        return 0;
    struct eu_out out = {0};
    if (number.is_huge)
        eu_out_text(&out, "the number");
    else
        eu_put_wide(&out, number);
    eu_out_format(&out, " is out of range for %.*s (", (int)strcspn(option->type, "["), option->type);
    eu_put_wide(&out, low);
    eu_out_text(&out, "..");
    eu_put_wide(&out, high);
    eu_out_char(&out, ')');
    return eu_option_fail(option, &out);
}

int eu_option_bool(const struct eu_option *option, const char *text) {
    static const char *const words[2][5] = {{"false", "no", "off", "n", "0"}, {"true", "yes", "on", "y", "1"}};
    for (int on = 0; on < 2; on++)
        for (int i = 0; i < 5; i++)
            if (!strcasecmp(text, words[on][i]))
                return on;
    return refuse(option, "true or false", text);
}

static int parse_real(const struct eu_option *option, const char *text, struct eu_value *value) {
    char *end;
    value->kind = EU_IS_REAL;
    value->real = strtod(text, &end);
    while (isspace((unsigned char)*end))
        end++;
    return end == text || *end || strpbrk(text, "xXpP(") ? refuse(option, "a number", text) : 0;
}

static int refuse_number(const struct eu_option *option, const char *text) {
    struct eu_out out = {0};
    if (!option->choices)
        return refuse(option, "a number", text);
    eu_put_quoted(&out, text, SHOWN);
    eu_out_text(&out, " is none of ");
    eu_option_put_choices(&out, option);
    return eu_option_fail(option, &out);
}

int eu_option_parse(const struct eu_option *option, const char *text, struct eu_value *value) {
    *value = (struct eu_value){.kind = EU_IS_TEXT, .text = text, .size = strlen(text)};
    if (option->kind == EU_STRING || option->kind == EU_NETWORK)
        return 0;
    if (option->kind == EU_BOOL) {
        int on = eu_option_bool(option, text);
        *value = (struct eu_value){.kind = EU_IS_BOOL, .whole.size = on > 0};
        return on < 0 ? on : 0;
    }
    const struct eu_json *chosen = choice_of(option, text);
    if (chosen) {
        *value = eu_value_of(chosen);
        return 0;
    }
    if (option->kind == EU_FLOAT)
        return parse_real(option, text, value);
    value->kind = EU_IS_WHOLE;
    if (option->kind == EU_CHAR && value->size && eu_characters(text, value->size) == 1 && !isdigit((unsigned char)*text)) {
        const uint8_t *s = (const uint8_t *)text;
        value->whole = (struct eu_wide){.size = *s < 0x80 ? *s : value->size == 2 ? (*s & 0x1fu) << 6 | (s[1] & 0x3f) : 0x10000};
        return eu_option_ranged(option, value->whole);
    }
    return parse_whole(text, &value->whole) ? refuse_number(option, text) : eu_option_ranged(option, value->whole);
}
