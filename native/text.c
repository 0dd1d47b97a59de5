#include "text.h"

static const char hex[] = "0123456789abcdef";

int eu_utf8_sequence(const uint8_t *s, size_t size) {
    unsigned lead = s[0], low = 0x80, high = 0xbf;
    int wanted;
    if (lead >= 0xc2 && lead <= 0xdf) {
        wanted = 2;
    } else if ((lead & 0xf0) == 0xe0) {
        wanted = 3;
        low = lead == 0xe0 ? 0xa0 : low;   /* no overlong forms */
        high = lead == 0xed ? 0x9f : high; /* no surrogates */
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        wanted = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    } else {
        return -1;
    }
    for (int i = 1; i < wanted; i++) {
        if ((size_t)i >= size || s[i] < low || s[i] > high)
            return -i;
        low = 0x80;
        high = 0xbf;
    }
    return wanted;
}

/* Characters that change how the rest of the line is shown: C1 controls, U+200E/F, U+2028..202E, U+2066..2069, U+FEFF. */
static int is_unsafe(const uint8_t *s, int length) {
    if (length == 2)
        return s[0] == 0xc2 && s[1] < 0xa0;
    if (length != 3)
        return 0;
    if (s[0] == 0xe2 && s[1] == 0x80)
        return s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae);
    return (s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9) || (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf);
}

static char *put_escaped(char *w, const uint8_t *s, int count) {
    for (int i = 0; i < count; i++) {
        *w++ = '\\';
        *w++ = 'x';
        *w++ = hex[s[i] >> 4];
        *w++ = hex[s[i] & 15];
    }
    return w;
}

/* Copy what stands as it is; whether a byte follows that does not, at *i. */
static inline int next_odd(char **w, const uint8_t *s, size_t size, size_t *i) {
    if (*i >= size)
        return 0;
    size_t plain = eu_copy_plain(*w, s + *i, size - *i);
    *w += plain;
    *i += plain;
    return *i < size && s[*i];
}

char *eu_text_string(char *w, const uint8_t *s, size_t size, size_t *hidden) {
    size_t i = 0;
    while (next_odd(&w, s, size, &i)) {
        unsigned c = s[i];
        if (c == '"' || c == '\\') {
            *w++ = (char)c;
            i++;
            continue;
        }
        int length = c < 0x80 ? -1 : eu_utf8_sequence(s + i, size - i);
        if (length > 0 && !is_unsafe(s + i, length)) {
            memcpy(w, s + i, length);
            w += length;
            *hidden += length - 1;
        } else {
            length = length < 0 ? -length : length;
            w = put_escaped(w, s + i, length);
        }
        i += length;
    }
    return w;
}

static char *put_json_control(char *w, unsigned c) {
    static const char names[] = "btn\0fr"; /* of 8..13 */
    *w++ = '\\';
    if (c >= 8 && c <= 13 && c != 11) {
        *w++ = names[c - 8];
        return w;
    }
    memcpy(w, "u00", 3);
    w[3] = hex[c >> 4];
    w[4] = hex[c & 15];
    return w + 5;
}

char *eu_json_string(char *w, const uint8_t *s, size_t size) {
    size_t i = 0;
    while (next_odd(&w, s, size, &i)) {
        unsigned c = s[i];
        if (c == '"' || c == '\\') {
            *w++ = '\\';
            *w++ = (char)c;
            i++;
            continue;
        }
        if (c < 0x80) {
            w = put_json_control(w, c);
            i++;
            continue;
        }
        int length = eu_utf8_sequence(s + i, size - i);
        if (length == 2 && c == 0xc2 && s[i + 1] < 0xa0) { /* a terminal may take C1 controls for escapes */
            w = put_json_control(w, s[i + 1]);
        } else if (length > 0) {
            memcpy(w, s + i, length);
            w += length;
        } else {
            memcpy(w, "\xef\xbf\xbd", 3);
            w += 3;
            length = -length;
        }
        i += length;
    }
    return w;
}

static int needs_quotes(const char *cell, size_t size) {
    if (!size || cell[0] == ' ' || cell[size - 1] == ' ')
        return 1;
    for (size_t i = 0; i < size; i++)
        if (cell[i] == ',' || cell[i] == '"' || cell[i] == '\n' || cell[i] == '\r' || cell[i] == '\t')
            return 1;
    return 0;
}

static char *quote_cell(char *start, char *end) {
    memmove(start + 1, start, end - start);
    start[0] = '"';
    end[1] = '"';
    return end + 2;
}

char *eu_csv_string(char *w, const uint8_t *s, size_t size) {
    char *start = w;
    size_t i = 0;
    while (next_odd(&w, s, size, &i)) {
        unsigned c = s[i];
        int length = c < 0x80 ? -1 : eu_utf8_sequence(s + i, size - i);
        if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t') {
            if (c == '"')
                *w++ = '"';
            *w++ = (char)c;
        } else if (length > 0 && !is_unsafe(s + i, length)) {
            memcpy(w, s + i, length);
            w += length;
        } else if (c < 0x80 || length > 0) {
            w = put_escaped(w, s + i, length < 0 ? 1 : length);
        } else {
            memcpy(w, "\xef\xbf\xbd", 3);
            w += 3;
        }
        i += length < 0 ? -length : length;
    }
    return needs_quotes(start, w - start) ? quote_cell(start, w) : w;
}

size_t eu_csv_protect(char *start, size_t used) {
    size_t quotes = 0;
    if (!needs_quotes(start, used))
        return used;
    for (size_t i = 0; i < used; i++)
        quotes += start[i] == '"';
    for (size_t from = used, to = used + quotes; from && from != to;) {
        start[--to] = start[--from];
        if (start[from] == '"')
            start[--to] = '"';
    }
    return quote_cell(start, start + used + quotes) - start;
}
