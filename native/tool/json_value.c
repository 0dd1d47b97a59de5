/* The values of a document that was read. */
#include "json.h"
#include "json_number.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static size_t digits(const char *s, const char *end) {
    const char *start = s;
    while (s < end && *s >= '0' && *s <= '9')
        s++;
    return (size_t)(s - start);
}

size_t eu_json_number(const char *s, const char *end, uint8_t *is_whole) {
    const char *start = s;
    s += s < end && *s == '-';
    size_t whole = digits(s, end);
    if (!whole || (whole > 1 && *s == '0'))
        return whole ? (size_t)(s - start) + 1 : 0; /* as 01: a 0, and then something that is out of place */
    s += whole;
    *is_whole = 1;
    if (s + 1 < end && *s == '.' && digits(s + 1, end)) {
        s += 1 + digits(s + 1, end);
        *is_whole = 0;
    }
    if (s < end && (*s == 'e' || *s == 'E')) {
        const char *power = s + 1;
        power += power < end && (*power == '+' || *power == '-');
        if (digits(power, end)) {
            s = power + digits(power, end);
            *is_whole = 0;
        }
    }
    return (size_t)(s - start);
}

void eu_json_end_numbers(struct eu_document *document) {
    for (uint32_t i = 0; i < document->used; i++) /* what stands behind them has been read */
        if (document->values[i].kind == EU_NUMBER)
            ((char *)document->values[i].text)[document->values[i].size] = 0;
}

const struct eu_json *eu_json_first(const struct eu_document *document, const struct eu_json *parent) {
    return parent && parent->first ? &document->values[parent->first] : NULL;
}

const struct eu_json *eu_json_next(const struct eu_document *document, const struct eu_json *value) {
    return value->next ? &document->values[value->next] : NULL;
}

const struct eu_json *eu_json_get(const struct eu_document *document, const struct eu_json *tree, const char *key) {
    const struct eu_json *found = NULL;
    size_t size = strlen(key);
    if (!tree || tree->kind != EU_TREE)
        return NULL;
    for (const struct eu_json *each = eu_json_first(document, tree); each; each = eu_json_next(document, each))
        if (each->key_size == size && !memcmp(each->key, key, size))
            found = each;
    return found;
}

int eu_json_is(const struct eu_json *value, const char *text) {
    return value && value->kind == EU_TEXT && value->size == strlen(text) && !memcmp(value->text, text, value->size);
}

int eu_json_wide(const struct eu_json *value, __int128 *number) {
    if (!value || value->kind != EU_NUMBER || !value->is_whole || value->size > 37)
        return 0;
    const char *s = value->text + (value->text[0] == '-');
    __int128 found = 0;
    for (; *s; s++)
        found = found * 10 + (*s - '0');
    *number = value->text[0] == '-' ? -found : found;
    return 1;
}

int eu_json_whole(const struct eu_json *value, int64_t *number) {
    __int128 wide;
    if (!eu_json_wide(value, &wide) || wide < INT64_MIN || wide > INT64_MAX)
        return 0;
    *number = (int64_t)wide;
    return 1;
}

double eu_json_real(const struct eu_json *value) {
    return value && value->kind == EU_NUMBER ? strtod(value->text, NULL) : 0;
}

const char *eu_json_text(const struct eu_json *value) {
    return value && value->kind == EU_TEXT && !memchr(value->text, 0, value->size) ? value->text : NULL;
}

const char *eu_json_kind_name(const struct eu_json *value) {
    static const char *const names[] = {"null", "bool", "bool", "float", "str", "array", "object"};
    return value->kind == EU_NUMBER && value->is_whole ? "int" : names[value->kind];
}
