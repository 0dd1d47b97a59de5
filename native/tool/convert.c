/* Values of options from their text: src/eunomia/cli/convert.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "command.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int is_decimal(const char *text, size_t size) {
    return size && size < 20 && strspn(text, "0123456789") >= size;
}

int eu_convert_count(const char *text, int64_t *number) {
    errno = 0;
    *number = is_decimal(text, strlen(text)) ? strtoll(text, NULL, 10) : 0;
    return *number > 0 && !errno ? 0 : -1;
}

/* 65536, 64K, 16M, 1G, 1T, also KiB or KB. */
int eu_convert_size(const char *text, int64_t *bytes) {
    static const char units[] = "KMGT";
    size_t size = strlen(text);
    int shift = 0;
    size -= size && toupper((unsigned char)text[size - 1]) == 'B';
    size -= size && toupper((unsigned char)text[size - 1]) == 'I';
    const char *unit = size ? strchr(units, toupper((unsigned char)text[size - 1])) : NULL;
    if (unit && *unit) {
        shift = 10 * (int)(unit - units + 1);
        size--;
    }
    *bytes = is_decimal(text, size) ? strtoll(text, NULL, 10) : 0;
    if (*bytes <= 0 || *bytes > INT64_MAX >> shift)
        return -1;
    *bytes <<= shift;
    return 0;
}

static int real(const char *text, size_t size, double *number) {
    char copy[64], *end;
    if (!size || size >= sizeof(copy))
        return -1;
    memcpy(copy, text, size);
    copy[size] = 0;
    *number = strtod(copy, &end);
    return *end || !strpbrk(copy, "0123456789") || strpbrk(copy, "xXpP") ? -1 : 0;
}

static int seconds(const char *text, double *number) {
    static const struct {
        const char *suffix;
        double scale;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"s", 1}, {"m", 60}, {"h", 3600}};
    size_t size = strlen(text);
    double scale = 1;
    for (int i = 0; i < 5; i++) {
        size_t length = strlen(units[i].suffix);
        if (size > length && !strcmp(text + size - length, units[i].suffix)) {
            size -= length;
            scale = units[i].scale;
            break;
        }
    }
    if (real(text, size, number))
        return -1;
    *number *= scale;
    return *number > 0 && *number < 1e10 ? 0 : -1;
}

static int share(const char *text, double *number) {
    size_t size = strlen(text);
    int percent = size && text[size - 1] == '%';
    if (real(text, size - (size_t)percent, number))
        return -1;
    *number /= percent ? 100 : 1;
    return *number >= 0 && *number <= 1 ? 0 : -1;
}

static int is_choice(const char *choices, const char *text) {
    for (size_t size = strlen(text); *choices; choices += strcspn(choices, "|") + (choices[strcspn(choices, "|")] != 0))
        if (strcspn(choices, "|") == size && !strncmp(choices, text, size))
            return 1;
    return 0;
}

static const char *const wanted[] = {
    [KIND_COUNT] = "is not a whole number above 0",
    [KIND_INDEX] = "is not a whole number from 0 on",
    [KIND_RATE] = "is not a number above 0, as in 1000 or 0.5",
    [KIND_SHARE] = "is not a share from 0 to 1, as in 0.01 or 1%",
    [KIND_ONE_IN] = "is not of the form 1/N, as in 1/100",
    [KIND_SECONDS] = "is not a time in seconds above 0, as in 10, 0.5, 200ms or 5m",
    [KIND_SIZE] = "is not a size in bytes above 0, as in 65536, 64K or 16M",
};

static int convert(struct opt_value *value, int kind, const char *text) {
    switch (kind) {
    case KIND_COUNT:
        return eu_convert_count(text, &value->number);
    case KIND_INDEX:
        value->number = is_decimal(text, strlen(text)) ? strtoll(text, NULL, 10) : -1;
        return value->number < 0 ? -1 : 0;
    case KIND_RATE:
        return real(text, strlen(text), &value->real) || !(value->real > 0 && value->real < 1e15) ? -1 : 0;
    case KIND_SHARE:
        return share(text, &value->real);
    case KIND_ONE_IN:
        return strncmp(text, "1/", 2) ? -1 : eu_convert_count(text + 2, &value->number);
    case KIND_SECONDS:
        return seconds(text, &value->real);
    default:
        return eu_convert_size(text, &value->number);
    }
}

static int refuse(const struct opt_row *row, const char *text) {
    struct eu_out quoted = {0}, choices = {0};
    eu_put_quoted(&quoted, text, 200);
    for (const char *s = row->choices; *s; s++)
        eu_out_put(&choices, *s == '|' ? ", " : s, *s == '|' ? 2 : 1);
    if (row->kind == KIND_CHOICE)
        eu_fail(EU_USAGE, "--%s: %s is none of %s", row->name, eu_out_end(&quoted), eu_out_end(&choices));
    else
        eu_fail(EU_USAGE, "--%s: %s %s", row->name, eu_out_end(&quoted), wanted[row->kind]);
    eu_out_free(&quoted);
    eu_out_free(&choices);
    return -EU_USAGE;
}

int eu_opt_convert(struct command *command, int option, const char *text) {
    const struct opt_row *row = &eu_opt_rows()[option];
    struct opt_value *value = &command->values[option];
    int is_text = row->kind == KIND_TEXT || row->kind == KIND_FILE || row->kind == KIND_CHOICE;
    if (is_text && !*text) /* most likely a shell's variable that is not set */
        return eu_fail(EU_USAGE, "--%s: the value is empty", row->name);
    if (is_text ? row->kind == KIND_CHOICE && !is_choice(row->choices, text) : convert(value, row->kind, text))
        return refuse(row, text);
    value->text = text;
    value->is_given = 1;
    if (!row->repeats)
        return 0;
    const char **list = eu_pool_get(&command->pool, ((size_t)value->count + 1) * sizeof(*list));
    if (!list)
        return eu_fail(ENOMEM, "--%s: out of memory", row->name);
    if (value->count)
        memcpy(list, value->list, (size_t)value->count * sizeof(*list));
    list[value->count++] = text;
    value->list = list;
    return 0;
}
