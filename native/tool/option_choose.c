/* Choosing values: a variable's bytes, or a line of libbpf's kconfig text. */
#define _GNU_SOURCE
#include "../error.h"
#include "option.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_kconfig(const struct eu_option *option) {
    return !strcmp(option->section, ".kconfig");
}

static int keep_line(struct eu_options *options, struct eu_option *option, const char *line) {
    option->value = (uint8_t *)line;
    return options->pool.failed ? eu_fail(ENOMEM, "set options: out of memory") : 0;
}

/* A value of kconfig, as in CONFIG_HZ=250. */
static int choose_kconfig(struct eu_options *options, struct eu_option *option, const struct eu_value *value, const uint8_t *bytes) {
    struct eu_pool *pool = &options->pool;
    struct eu_out out = {0};
    if (option->kind == EU_BOOL)
        return keep_line(options, option, eu_pool_print(pool, "%s=%c\n", option->name, bytes[0] ? 'y' : 'n'));
    if (option->kind == EU_STRING) {
        if (strpbrk((const char *)bytes, "\"\n")) {
            eu_out_text(&out, "a value of kconfig cannot contain `\"` or a new line");
            return eu_option_fail(option, &out);
        }
        return keep_line(options, option, eu_pool_print(pool, "%s=\"%s\"\n", option->name, (const char *)bytes));
    }
    if (option->kind == EU_TRISTATE) {
        if (bytes[0] > 2) {
            eu_out_format(&out, "%d is none of n, y, m", bytes[0]);
            return eu_option_fail(option, &out);
        }
        return keep_line(options, option, eu_pool_print(pool, "%s=%c\n", option->name, "nym"[bytes[0]]));
    }
    if (option->kind == EU_CHAR && (bytes[0] == 'y' || bytes[0] == 'n' || bytes[0] == 'm'))
        return keep_line(options, option, eu_pool_print(pool, "%s=%c\n", option->name, bytes[0]));
    if (value->kind == EU_IS_REAL)
        eu_put_real(&out, value->real);
    else
        eu_put_wide(&out, value->whole);
    const char *line = eu_pool_print(pool, "%s=%s\n", option->name, eu_out_end(&out));
    eu_out_free(&out);
    return keep_line(options, option, line);
}

static uint8_t *room_for(struct eu_options *options, const struct eu_option *option) {
    uint8_t *bytes = eu_pool_get(&options->pool, (size_t)(option->size * (option->count ? option->count : 1)) + 1);
    if (!bytes)
        eu_fail(ENOMEM, "set options: out of memory");
    return bytes;
}

static int choose_one(struct eu_options *options, struct eu_option *option, struct eu_value value) {
    uint8_t *bytes = room_for(options, option);
    if (!bytes)
        return -ENOMEM;
    if (value.kind == EU_IS_TEXT && option->kind != EU_STRING && option->kind != EU_NETWORK && eu_option_parse(option, value.text, &value))
        return -EU_USAGE;
    if (eu_option_encode(option, &value, bytes))
        return -EU_USAGE;
    if (is_kconfig(option))
        return choose_kconfig(options, option, &value, bytes);
    option->value = bytes;
    return 0;
}

static int too_many(const struct eu_option *option, int64_t count) {
    struct eu_out out = {0};
    eu_out_format(&out, "%lld values, `%s` holds %lld", (long long)count, option->type, (long long)option->count);
    return eu_option_fail(option, &out);
}

/* "a,b,c": what is not given is zero. Spaces around a value do not belong to it, but to a text. */
static int choose_listed(struct eu_options *options, struct eu_option *option, const char *text) {
    uint8_t *bytes = room_for(options, option);
    int64_t count = *text ? 1 : 0;
    for (const char *s = text; *s; s++)
        count += *s == ',';
    if (!bytes)
        return -ENOMEM;
    if (count > option->count)
        return too_many(option, count);
    for (int64_t i = 0; i < count; i++) {
        size_t size = strcspn(text, ","), skipped = 0;
        const char *rest = text + size + 1;
        if (option->kind != EU_STRING) {
            while (skipped < size && isspace((unsigned char)text[skipped]))
                skipped++;
            while (size > skipped && isspace((unsigned char)text[size - 1]))
                size--;
        }
        struct eu_value value;
        if (eu_option_parse(option, eu_pool_copy(&options->pool, text + skipped, size - skipped), &value) ||
            eu_option_encode(option, &value, bytes + i * option->size))
            return -EU_USAGE;
        text = rest;
    }
    option->value = bytes;
    return 0;
}

static int choose_array(struct eu_options *options, struct eu_option *option, const struct eu_json *list) {
    uint8_t *bytes = room_for(options, option);
    int64_t i = 0;
    if (!bytes)
        return -ENOMEM;
    if (list->count > option->count)
        return too_many(option, list->count);
    for (const struct eu_json *each = eu_json_first(option->document, list); each; each = eu_json_next(option->document, each)) {
        struct eu_value value = eu_value_of(each);
        if (eu_option_encode(option, &value, bytes + i++ * option->size))
            return -EU_USAGE;
    }
    option->value = bytes;
    return 0;
}

int eu_option_choose(struct eu_options *options, struct eu_option *option, const char *text) {
    if (!option->count)
        return choose_one(options, option, (struct eu_value){.kind = EU_IS_TEXT, .text = text, .size = strlen(text)});
    if (option->kind != EU_CHAR)
        return choose_listed(options, option, text);
    struct eu_out out = {0};
    struct eu_value value;
    if (eu_option_parse(option, text, &value))
        return -EU_USAGE;
    eu_out_format(&out, "expected up to %lld values, got ", (long long)option->count);
    eu_option_put_value(&out, option, &value);
    return eu_option_fail(option, &out);
}

int eu_option_choose_flag(struct eu_options *options, struct eu_option *option, int on) {
    return choose_one(options, option, (struct eu_value){.kind = EU_IS_BOOL, .whole.size = (unsigned)on});
}

int eu_option_choose_default(struct eu_options *options, struct eu_option *option) {
    const struct eu_json *value = option->given_default;
    if (!value)
        return 0;
    if (!option->count)
        return choose_one(options, option, eu_value_of(value));
    if (value->kind == EU_TEXT && option->kind != EU_CHAR)
        return choose_listed(options, option, value->text);
    if (value->kind == EU_ARRAY)
        return choose_array(options, option, value);
    struct eu_out out = {0};
    eu_out_format(&out, "expected up to %lld values", (long long)option->count);
    return eu_option_fail(option, &out);
}

/* The choice that has this value, NULL: none. */
static const struct eu_json *name_of(const struct eu_option *option, const struct eu_value *value) {
    for (const struct eu_json *each = eu_json_first(option->document, option->choices); each; each = eu_json_next(option->document, each)) {
        struct eu_value choice = eu_value_of(each);
        if (choice.kind == value->kind && (choice.kind == EU_IS_WHOLE  ? !eu_wide_compare(choice.whole, value->whole)
                                           : choice.kind == EU_IS_TEXT ? !strcmp(choice.text, value->text)
                                           : choice.kind == EU_IS_REAL ? choice.real == value->real
                                                                       : 0))
            return each;
    }
    return NULL;
}

void eu_option_put_value(struct eu_out *out, const struct eu_option *option, const struct eu_value *value) {
    const struct eu_json *choice = name_of(option, value);
    if (value->kind == EU_IS_BOOL)
        eu_out_text(out, value->whole.size ? "true" : "false");
    else if (choice)
        eu_out_put(out, choice->key, choice->key_size);
    else if (value->kind == EU_IS_TEXT)
        eu_out_put(out, value->text, value->size);
    else if (value->kind == EU_IS_REAL && option->kind == EU_FLOAT && option->size == 4)
        eu_out_format(out, "%.7g", value->real);
    else if (value->kind == EU_IS_REAL)
        eu_put_real(out, value->real);
    else if (option->kind == EU_CHAR && !value->whole.is_negative && value->whole.size > 32 && value->whole.size < 127 &&
             !isdigit((int)value->whole.size))
        eu_out_char(out, (char)value->whole.size);
    else if (value->kind == EU_IS_WHOLE)
        eu_put_wide(out, value->whole);
}

static void put_zero(struct eu_out *out, const struct eu_option *option) {
    struct eu_value value = {.kind = option->kind == EU_BOOL ? EU_IS_BOOL : option->kind == EU_FLOAT ? EU_IS_REAL : EU_IS_WHOLE};
    if (option->count || option->kind == EU_STRING || option->kind == EU_NETWORK || !strcmp(option->section, ".kconfig"))
        return;
    eu_option_put_value(out, option, &value);
}

void eu_option_put_default(struct eu_out *out, const struct eu_option *option) {
    const struct eu_json *shown = option->given_default ? option->given_default : option->initial;
    struct eu_out all = {0};
    if (!shown)
        put_zero(&all, option);
    else if (shown->kind == EU_ARRAY)
        for (const struct eu_json *each = eu_json_first(option->document, shown); each; each = eu_json_next(option->document, each)) {
            struct eu_value value = eu_value_of(each);
            eu_out_text(&all, each == eu_json_first(option->document, shown) ? "" : ",");
            eu_option_put_value(&all, option, &value);
        }
    else {
        struct eu_value value = eu_value_of(shown);
        eu_option_put_value(&all, option, &value);
    }
    size_t used = 0, count = 0;
    const char *text = eu_out_end(&all);
    if (eu_characters(text, all.used) <= 60) {
        eu_out_put(out, text, all.used);
    } else {
        while (used < all.used && (count += ((uint8_t)text[used] & 0xc0) != 0x80) < 60)
            used++;
        eu_out_put(out, text, used);
        eu_out_text(out, "…");
    }
    eu_out_free(&all);
}
