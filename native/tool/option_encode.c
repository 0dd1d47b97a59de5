/* The bytes of values, within the package's range and choices. */
#define _GNU_SOURCE
#include "../error.h"
#include "option.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 60 };

static double real_of(const struct eu_value *value) {
    if (value->kind == EU_IS_REAL)
        return value->real;
    return value->whole.is_negative ? -(double)value->whole.size : (double)value->whole.size;
}

static int compare(const struct eu_value *a, const struct eu_value *b) {
    if (a->kind != EU_IS_REAL && b->kind != EU_IS_REAL)
        return eu_wide_compare(a->whole, b->whole);
    double left = real_of(a), right = real_of(b);
    return left < right ? -1 : left > right;
}

static void put_number(struct eu_out *out, const struct eu_value *value) {
    if (value->kind == EU_IS_REAL)
        eu_put_real(out, value->real);
    else
        eu_put_wide(out, value->whole);
}

static int is_number(const struct eu_value *value) {
    return value->kind == EU_IS_WHOLE || value->kind == EU_IS_REAL;
}

static int check_range(const struct eu_option *option, const struct eu_value *value) {
    const struct eu_json *low = eu_json_first(option->document, option->limits), *high = eu_json_next(option->document, low);
    struct eu_value least = eu_value_of(low), most = eu_value_of(high);
    if ((!is_number(&least) || compare(value, &least) >= 0) && (!is_number(&most) || compare(value, &most) <= 0))
        return 0;
    struct eu_out out = {0};
    put_number(&out, value);
    eu_out_text(&out, " is out of range (");
    if (is_number(&least))
        put_number(&out, &least);
    eu_out_text(&out, "..");
    if (is_number(&most))
        put_number(&out, &most);
    eu_out_char(&out, ')');
    return eu_option_fail(option, &out);
}

int eu_option_limited(const struct eu_option *option, const struct eu_value *value) {
    if (option->limits && check_range(option, value))
        return -EU_USAGE;
    if (!option->choices || option->kind == EU_ENUM || option->kind == EU_TRISTATE)
        return 0;
    for (const struct eu_json *each = eu_json_first(option->document, option->choices); each; each = eu_json_next(option->document, each)) {
        struct eu_value choice = eu_value_of(each);
        if (is_number(&choice) && !compare(value, &choice))
            return 0;
    }
    struct eu_out out = {0};
    put_number(&out, value);
    eu_out_text(&out, " is none of ");
    eu_option_put_choices(&out, option);
    return eu_option_fail(option, &out);
}

static int encode_text(const struct eu_option *option, const struct eu_value *value, uint8_t *bytes) {
    struct eu_out out = {0};
    if (value->kind == EU_IS_WHOLE || value->kind == EU_IS_REAL)
        put_number(&out, value);
    else if (value->kind == EU_IS_TEXT)
        eu_out_put(&out, value->text, value->size);
    else {
        eu_out_format(&out, "expected text, got %s", value->kind == EU_IS_BOOL ? value->whole.size ? "True" : "False" : value->text);
        return eu_option_fail(option, &out);
    }
    size_t size = out.used;
    const char *text = eu_out_end(&out);
    struct eu_out cause = {0};
    if (option->choices && !eu_json_get(option->document, option->choices, text)) {
        eu_put_quoted(&cause, text, SHOWN);
        eu_out_text(&cause, " is none of ");
        eu_option_put_choices(&cause, option);
    } else if ((int64_t)size + 1 > option->size)
        eu_out_format(&cause, "%zu bytes and a NUL do not fit into %s (%lld bytes)", size, option->type, (long long)option->size);
    else if (memchr(text, 0, size))
        eu_out_text(&cause, "text contains a NUL character");
    else
        memcpy(bytes, text, size);
    eu_out_free(&out);
    return cause.used ? eu_option_fail(option, &cause) : 0;
}

static int encode_network(const struct eu_option *option, const struct eu_value *value, uint8_t *bytes) {
    struct eu_out cause = {0};
    if (value->kind == EU_IS_TEXT && (!value->size || !eu_network_encode(value->text, bytes, &cause)))
        return 0;
    if (value->kind != EU_IS_TEXT)
        eu_out_text(&cause, "expected a network");
    eu_out_text(&cause, " [an address, or a network like 10.0.0.0/8 or 2001:db8::/32]");
    return eu_option_fail(option, &cause);
}

static int encode_real(const struct eu_option *option, const struct eu_value *value, uint8_t *bytes) {
    struct eu_out out = {0};
    if (!is_number(value)) {
        eu_out_format(&out, "expected a number, got %s",
                      value->kind == EU_IS_BOOL ? value->whole.size ? "True" : "False" : "something else");
        return eu_option_fail(option, &out);
    }
    if (eu_option_limited(option, value))
        return -EU_USAGE;
    double real = real_of(value);
    float narrow = (float)real;
    if (option->size == 4 && isfinite(real) && !isfinite(narrow)) {
        put_number(&out, value);
        eu_out_format(&out, " is out of range for %s", option->type);
        return eu_option_fail(option, &out);
    }
    memcpy(bytes, option->size == 4 ? (void *)&narrow : (void *)&real, (size_t)option->size);
    return 0;
}

static int encode_bool(const struct eu_option *option, const struct eu_value *value, uint8_t *bytes) {
    if ((value->kind == EU_IS_BOOL || value->kind == EU_IS_WHOLE) && value->whole.size < 2 && !value->whole.is_negative) {
        bytes[0] = (uint8_t)value->whole.size;
        return 0;
    }
    struct eu_out out = {0};
    eu_out_text(&out, "expected true or false, got ");
    if (is_number(value))
        put_number(&out, value);
    return eu_option_fail(option, &out);
}

static int encode_whole(const struct eu_option *option, struct eu_value value, uint8_t *bytes) {
    struct eu_out out = {0};
    if (value.kind == EU_IS_REAL && value.real == trunc(value.real) && fabs(value.real) < 0x1p120)
        value =
            (struct eu_value){.kind = EU_IS_WHOLE, .whole = {.size = (unsigned __int128)fabs(value.real), .is_negative = value.real < 0}};
    if (value.kind != EU_IS_WHOLE) {
        eu_out_text(&out, "expected a number, got ");
        if (value.kind == EU_IS_REAL)
            eu_put_real(&out, value.real);
        else
            eu_out_text(&out, value.kind == EU_IS_BOOL ? value.whole.size ? "True" : "False" : "something else");
        return eu_option_fail(option, &out);
    }
    if (eu_option_ranged(option, value.whole) || eu_option_limited(option, &value))
        return -EU_USAGE;
    unsigned __int128 number = value.whole.is_negative ? -value.whole.size : value.whole.size;
    memcpy(bytes, &number, (size_t)option->size);
    return 0;
}

int eu_option_encode(const struct eu_option *option, const struct eu_value *value, uint8_t *bytes) {
    struct eu_value parsed = *value;
    if (option->kind == EU_STRING)
        return encode_text(option, value, bytes);
    if (option->kind == EU_NETWORK)
        return encode_network(option, value, bytes);
    if (value->kind == EU_IS_TEXT && eu_option_parse(option, value->text, &parsed))
        return -EU_USAGE;
    if (option->kind == EU_BOOL)
        return encode_bool(option, &parsed, bytes);
    return option->kind == EU_FLOAT ? encode_real(option, &parsed, bytes) : encode_whole(option, parsed, bytes);
}
