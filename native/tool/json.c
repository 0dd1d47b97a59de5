/* One pass without recursion: a stack of the containers that are open. */
#define _GNU_SOURCE
#include "json.h"
#include "../error.h"
#include "../text.h"
#include "json_number.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 200, MAX_VALUES = 4 << 20 };

struct reader {
    struct eu_document *document;
    char *at, *end;
    uint32_t open[MAX_DEPTH], last[MAX_DEPTH]; /* containers, and the newest element of each */
    int depth;
    const char *why, *where;
};

static int refuse(struct reader *r, const char *why, const char *where) {
    r->why = why;
    r->where = where;
    return -1;
}

static void skip_space(struct reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static struct eu_json *add(struct reader *r, const char *key, uint32_t key_size) {
    struct eu_document *d = r->document;
    if (d->used == d->room) {
        uint32_t room = d->room ? d->room * 2 : 256;
        struct eu_json *more = d->used >= MAX_VALUES ? NULL : realloc(d->values, room * sizeof(*more));
        if (!more) {
            refuse(r, "too many values", r->at);
            return NULL;
        }
        d->values = more;
        d->room = room;
    }
    uint32_t index = d->used++;
    struct eu_json *value = &d->values[index];
    *value = (struct eu_json){.key = key, .key_size = key_size};
    if (r->depth) {
        struct eu_json *parent = &d->values[r->open[r->depth - 1]];
        uint32_t *last = &r->last[r->depth - 1];
        *(*last ? &d->values[*last].next : &parent->first) = index;
        *last = index;
        parent->count++;
    }
    return value;
}

static int hex4(const char *s, const char *end, unsigned *code) {
    *code = 0;
    for (int i = 0; i < 4; i++) {
        char c = s + i < end ? s[i] : 0;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit > 15)
            return -1;
        *code = *code << 4 | digit;
    }
    return 0;
}

static char *put_utf8(char *w, unsigned code) {
    if (code < 0x80) {
        *w++ = (char)code;
        return w;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    *w++ = (char)(lead[more] | code >> 6 * more);
    while (more--)
        *w++ = (char)(0x80 | (code >> 6 * more & 0x3f));
    return w;
}

/* The character behind \u at `at`, one or two of them; half a pair becomes U+FFFD. */
static int take_unicode(struct reader *r, char **w) {
    unsigned code, low;
    if (hex4(r->at, r->end, &code))
        return refuse(r, "invalid \\uXXXX escape", r->at);
    r->at += 4;
    if (code >= 0xd800 && code < 0xdc00 && r->end - r->at > 5 && r->at[0] == '\\' && r->at[1] == 'u' && !hex4(r->at + 2, r->end, &low) &&
        low >= 0xdc00 && low < 0xe000) {
        r->at += 6;
        code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
    }
    *w = put_utf8(*w, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    return 0;
}

static int take_escape(struct reader *r, char **w) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at++ : 0;
    if (c == 'u')
        return take_unicode(r, w);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return refuse(r, "invalid \\escape", r->at - 1);
    *(*w)++ = to[found - from];
    return 0;
}

/* Behind the opening quote; the text is put where it stands, NUL takes the place of the closing quote or comes before it. */
static int take_text(struct reader *r, const char **text, uint32_t *size) {
    char *start = r->at, *w;
    while (r->at < r->end && (uint8_t)*r->at >= 0x20 && (uint8_t)*r->at < 0x80 && *r->at != '"' && *r->at != '\\')
        r->at++; /* nearly always all of it */
    for (w = r->at;;) {
        if (r->at >= r->end)
            return refuse(r, "unterminated string", start - 1);
        uint8_t c = (uint8_t)*r->at;
        if (c == '"')
            break;
        if (c < 0x20)
            return refuse(r, "invalid control character", r->at);
        if (c == '\\') {
            r->at++;
            if (take_escape(r, &w))
                return -1;
            continue;
        }
        int length = c < 0x80 ? 1 : eu_utf8_sequence((uint8_t *)r->at, (size_t)(r->end - r->at));
        if (length < 1)
            return refuse(r, "not UTF-8", r->at);
        memmove(w, r->at, (size_t)length);
        w += length;
        r->at += length;
    }
    r->at++;
    *w = 0;
    *text = start;
    *size = (uint32_t)(w - start);
    return 0;
}

static int take_word(struct reader *r, struct eu_json *value) {
    static const char *const words[] = {[EU_NULL] = "null", [EU_FALSE] = "false", [EU_TRUE] = "true"};
    for (int i = EU_NULL; i <= EU_TRUE; i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(r->end - r->at) >= size && !memcmp(r->at, words[i], size)) {
            value->kind = (uint8_t)i;
            r->at += size;
            return 0;
        }
    }
    return refuse(r, "expecting value", r->at);
}

/* One value where one must be; a container is opened only. */
static int take_value(struct reader *r, const char *key, uint32_t key_size) {
    char c = r->at < r->end ? *r->at : 0;
    struct eu_json *value = add(r, key, key_size);
    if (!value)
        return -1;
    if (c == '{' || c == '[') {
        if (r->depth == MAX_DEPTH)
            return refuse(r, "nested too deep", NULL);
        value->kind = c == '{' ? EU_TREE : EU_ARRAY;
        r->open[r->depth] = r->document->used - 1;
        r->last[r->depth++] = 0;
        r->at++;
        return 0;
    }
    if (c == '"') {
        value->kind = EU_TEXT;
        r->at++;
        return take_text(r, &value->text, &value->size);
    }
    if (c != '-' && (c < '0' || c > '9'))
        return take_word(r, value);
    size_t size = eu_json_number(r->at, r->end, &value->is_whole);
    if (!size)
        return refuse(r, "expecting value", r->at);
    value->kind = EU_NUMBER;
    value->text = r->at;
    value->size = (uint32_t)size;
    r->at += size;
    return 0;
}

static int take_key(struct reader *r, const char **key, uint32_t *size) {
    if (r->at >= r->end || *r->at != '"')
        return refuse(r, "expecting property name enclosed in double quotes", r->at);
    r->at++;
    if (take_text(r, key, size))
        return -1;
    skip_space(r);
    if (r->at >= r->end || *r->at != ':')
        return refuse(r, "expecting ':' delimiter", r->at);
    r->at++;
    skip_space(r);
    return 0;
}

/* What follows in the innermost open container: its end, or the next element. */
static int take_next(struct reader *r) {
    struct eu_json *parent = &r->document->values[r->open[r->depth - 1]];
    char c = r->at < r->end ? *r->at : 0;
    int is_tree = parent->kind == EU_TREE;
    if (c == (is_tree ? '}' : ']')) {
        r->at++;
        r->depth--;
        return 0;
    }
    if (parent->count) {
        if (c != ',')
            return refuse(r, "expecting ',' delimiter", r->at);
        r->at++;
        skip_space(r);
    }
    const char *key = NULL;
    uint32_t size = 0;
    if (is_tree && take_key(r, &key, &size))
        return -1;
    return take_value(r, key, size);
}

static int say(const struct reader *r, const char *what) {
    size_t line = 1;
    const char *start = r->document->bytes;
    if (!r->where)
        return eu_fail(EBADMSG, "%s: JSON %s", what, r->why);
    for (const char *s = start; s < r->where; s++) {
        if (*s == '\n') {
            line++;
            start = s + 1;
        }
    }
    return eu_fail(EBADMSG, "%s: malformed JSON: %s at line %zu, column %zu", what, r->why, line, (size_t)(r->where - start) + 1);
}

int eu_json_read(struct eu_document *document, const void *bytes, size_t size, const char *what) {
    *document = (struct eu_document){.bytes = malloc(size + 1)};
    if (!document->bytes)
        return eu_fail(ENOMEM, "%s: out of memory", what);
    memcpy(document->bytes, bytes, size);
    document->bytes[size] = 0;
    struct reader *r = calloc(1, sizeof(*r));
    if (!r)
        return eu_fail(ENOMEM, "%s: out of memory", what);
    *r = (struct reader){.document = document, .at = document->bytes, .end = document->bytes + size};
    skip_space(r);
    int err = take_value(r, NULL, 0);
    for (skip_space(r); !err && r->depth; skip_space(r))
        err = take_next(r);
    if (!err && r->at != r->end)
        err = refuse(r, "extra data", r->at);
    if (err)
        err = say(r, what);
    else
        eu_json_end_numbers(document);
    free(r);
    return err;
}

void eu_json_free(struct eu_document *document) {
    free(document->bytes);
    free(document->values);
    *document = (struct eu_document){0};
}
