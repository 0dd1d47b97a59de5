/* Values as messages and help pages write them: as ecli does. */
#ifndef TOOL_WORDS_H
#define TOOL_WORDS_H
#include "../out.h"

/* A whole number of up to 128 bits and a sign. */
struct eu_wide {
    unsigned __int128 size;
    int is_negative, is_huge; /* huge: more than 128 bits */
};
int eu_wide_compare(struct eu_wide a, struct eu_wide b);
void eu_put_wide(struct eu_out *out, struct eu_wide number);
/* The shortest text that stands for the same number: 0.1, 1e-07, 3.0. */
void eu_put_real(struct eu_out *out, double number);
/* Text without control characters: as \x1b. */
void eu_put_clean(struct eu_out *out, const char *text);
/* 'text', as Python's repr() has it, at most `most` characters of that. */
void eu_put_quoted(struct eu_out *out, const char *text, size_t most);
/* Characters of UTF-8 text. */
size_t eu_characters(const char *text, size_t size);
/* NUL behind it: the text, or "" where memory ran out. */
const char *eu_out_end(struct eu_out *out);
#endif
