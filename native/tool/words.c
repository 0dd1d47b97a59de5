#define _GNU_SOURCE
#include "words.h"
#include "../text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int eu_wide_compare(struct eu_wide a, struct eu_wide b) {
    int left = a.is_negative && (a.size || a.is_huge), right = b.is_negative && (b.size || b.is_huge);
    if (left != right)
        return left ? -1 : 1;
    int order = a.is_huge != b.is_huge ? a.is_huge - b.is_huge : a.size < b.size ? -1 : a.size > b.size;
    return left ? -order : order;
}

void eu_put_wide(struct eu_out *out, struct eu_wide number) {
    char digits[48], *w = digits + sizeof(digits);
    unsigned __int128 rest = number.size;
    do {
        *--w = (char)('0' + (unsigned)(rest % 10));
        rest /= 10;
    } while (rest);
    if (number.is_negative && number.size)
        *--w = '-';
    eu_out_put(out, w, (size_t)(digits + sizeof(digits) - w));
}

void eu_put_real(struct eu_out *out, double number) {
    char text[40];
    if (isnan(number) || isinf(number)) {
        eu_out_text(out, isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
        return;
    }
    int digits = 1;
    while (snprintf(text, sizeof(text), "%.*e", digits - 1, number) > 0 && digits < 17 && strtod(text, NULL) != number)
        digits++;
    int power = atoi(strchr(text, 'e') + 1);
    if (power < -4 || power >= 16) { /* 1e-07, as it is */
        eu_out_text(out, text);
        return;
    }
    int places = digits - 1 - power;
    eu_out_format(out, "%.*f", places > 1 ? places : 1, number);
}

/* What no page and no message shows as it is: controls, and what turns or hides text. */
static int is_hidden(unsigned code) {
    return code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0xad || (code >= 0x600 && code <= 0x605) || code == 0x61c ||
           code == 0x6dd || code == 0x70f || code == 0x1680 || code == 0x180e || (code >= 0x2000 && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202f) || (code >= 0x205f && code <= 0x206f) || code == 0x3000 ||
           (code >= 0xd800 && code <= 0xf8ff) || code == 0xfeff || (code >= 0xfff0 && code <= 0xfffb) || (code >= 0xe0000);
}

static unsigned code_of(const uint8_t *s, int length) {
    unsigned code = length == 1 ? s[0] : s[0] & (0x7f >> length);
    for (int i = 1; i < length; i++)
        code = code << 6 | (s[i] & 0x3f);
    return code;
}

/* One character, `quote` escaped too where it is not 0; the bytes that it had. */
static size_t put_character(struct eu_out *out, const char *text, size_t size, char quote) {
    const uint8_t *s = (const uint8_t *)text;
    int length = *s < 0x80 ? 1 : eu_utf8_sequence(s, size);
    unsigned code = length > 0 ? code_of(s, length) : *s;
    if (length < 1)
        eu_out_format(out, "\\x%02x", *s);
    else if (code == '\n' || code == '\r' || code == '\t')
        eu_out_format(out, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
    else if (quote && (code == '\\' || code == (unsigned char)quote))
        eu_out_format(out, "\\%c", (char)code);
    else if (is_hidden(code))
        eu_out_format(out, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
    else
        eu_out_put(out, s, (size_t)length);
    return length < 1 ? 1 : (size_t)length;
}

void eu_put_clean(struct eu_out *out, const char *text) {
    for (size_t size = strlen(text), done; size; text += done, size -= done)
        done = put_character(out, text, size, 0);
}

void eu_put_quoted(struct eu_out *out, const char *text, size_t most) {
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    struct eu_out all = {0};
    eu_out_char(&all, quote);
    for (size_t size = strlen(text), done; size; text += done, size -= done)
        done = put_character(&all, text, size, quote);
    eu_out_char(&all, quote);
    size_t used = 0;
    for (size_t count = 0; used < all.used; used++) {
        count += ((uint8_t)all.data[used] & 0xc0) != 0x80;
        if (count > most)
            break;
    }
    eu_out_put(out, all.data, used);
    eu_out_free(&all);
}

size_t eu_characters(const char *text, size_t size) {
    return size - eu_text_hidden(text, size);
}

const char *eu_out_end(struct eu_out *out) {
    eu_out_put(out, "", 1);
    if (out->failed || !out->used)
        return "";
    out->used--;
    return out->data;
}
