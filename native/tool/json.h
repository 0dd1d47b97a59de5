/* A small reader of JSON documents: everything bounded, strings unescaped where they stand. */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H
#include <stddef.h>
#include <stdint.h>

enum eu_json_kind { EU_NULL, EU_FALSE, EU_TRUE, EU_NUMBER, EU_TEXT, EU_ARRAY, EU_TREE };

/* One value. Numbers and texts end with NUL; a text may have other NULs in it, `size` counts. */
struct eu_json {
    uint8_t kind;
    uint8_t is_whole;     /* of numbers: without point and exponent */
    uint32_t size, count; /* bytes of a text or number; elements */
    uint32_t first, next; /* values of the same document, 0: none */
    const char *key;      /* of a tree's member */
    uint32_t key_size;
    const char *text;
};

/* A document owns its bytes and its values; value 0 is the root. */
struct eu_document {
    char *bytes;
    struct eu_json *values;
    uint32_t used, room;
};

/* Read `size` bytes; they are copied. 0, or -errno and eu_error(): "WHAT: malformed JSON: ... at line 1, column 2". */
int eu_json_read(struct eu_document *document, const void *bytes, size_t size, const char *what);
void eu_json_free(struct eu_document *document);

const struct eu_json *eu_json_first(const struct eu_document *document, const struct eu_json *parent);
const struct eu_json *eu_json_next(const struct eu_document *document, const struct eu_json *value);
/* The member of a tree, NULL where it has none of this name, or is no tree; of several the last. */
const struct eu_json *eu_json_get(const struct eu_document *document, const struct eu_json *tree, const char *key);
/* Its bytes are this text. */
int eu_json_is(const struct eu_json *value, const char *text);
/* 1 and *number where it is a whole number of 64 bits (128 for the wide form), else 0. */
int eu_json_whole(const struct eu_json *value, int64_t *number);
int eu_json_wide(const struct eu_json *value, __int128 *number);
double eu_json_real(const struct eu_json *value);
/* The text of a value without NULs in it, else NULL. */
const char *eu_json_text(const struct eu_json *value);
/* What JSON calls its type, as Python's messages do: "int", "str"... */
const char *eu_json_kind_name(const struct eu_json *value);
#endif
