/* Paragraphs and two-column lists, wrapped to the terminal as Python's textwrap does it. */
#define _GNU_SOURCE
#include "command.h"
#include <ctype.h>
#include <string.h>

enum { LEFT = 30, LEAST = 20 };

/* Bytes of the first `most` characters. */
static size_t bytes_of(const char *text, size_t size, size_t most) {
    size_t used = 0;
    for (size_t count = 0; used < size; used++) {
        count += ((uint8_t)text[used] & 0xc0) != 0x80;
        if (count > most)
            break;
    }
    return used;
}

/* The line that is being written. */
struct line {
    struct eu_out *out;
    size_t start, width, most;
    int is_first, indent; /* first: it stands behind what is there already */
};

static void next_line(struct line *line) {
    while (line->out->used > line->start && line->out->data[line->out->used - 1] == ' ')
        line->out->used--;
    eu_out_char(line->out, '\n');
    line->width = 0;
    line->is_first = 0;
}

/* A word behind so many blanks; how much of it has been written: one that is longer than a line is cut. */
static size_t put_word(struct line *line, const char *word, size_t size, size_t gap) {
    size_t wide = eu_characters(word, size);
    gap = line->width ? gap : 0;
    if (line->width && line->width + gap + wide > line->most && !(wide > line->most && line->width + gap < line->most)) {
        next_line(line);
        gap = 0;
    }
    if (!line->width && !line->is_first)
        eu_out_pad(line->out, line->indent);
    if (!line->width)
        line->start = line->out->used;
    eu_out_pad(line->out, (long)gap);
    if (line->width + gap + wide > line->most) {
        size = bytes_of(word, size, line->most - line->width - gap);
        wide = eu_characters(word, size);
    }
    eu_out_put(line->out, word, size);
    line->width += gap + wide;
    return size;
}

void eu_put_wrapped(struct eu_out *out, const char *text, size_t size, int columns, int indent, int first) {
    struct line line = {out, out->used, 0, (size_t)columns, first, indent};
    while (size) {
        size_t space = 0, word = 0;
        while (space < size && isspace((unsigned char)text[space]))
            space++;
        while (space + word < size && !isspace((unsigned char)text[space + word]))
            word++;
        if (!word)
            break;
        word = put_word(&line, text + space, word, space);
        text += space + word;
        size -= space + word;
        if (line.width >= line.most && size)
            next_line(&line);
    }
    if (line.width || line.is_first)
        next_line(&line);
}

void eu_put_rows(struct eu_out *out, const char *head, const char *text, int columns) {
    size_t size = eu_characters(head, strlen(head)) + 2;
    int wide = columns - LEFT < LEAST ? LEAST : columns - LEFT;
    eu_out_format(out, "  %s", head);
    if (size + 2 > LEFT || !*text)
        eu_out_char(out, '\n');
    else
        eu_out_pad(out, (long)(LEFT - size));
    if (*text)
        eu_put_wrapped(out, text, strlen(text), wide, LEFT, size + 2 <= LEFT);
}

static int has_indented(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((!i || text[i - 1] == '\n') && strchr(" -*", text[i]))
            return 1;
    return 0;
}

void eu_put_paragraphs(struct eu_out *out, const char *text, int columns) {
    int is_first = 1;
    text += strspn(text, "\n");
    size_t all = strlen(text);
    while (all && text[all - 1] == '\n')
        all--;
    while (all) {
        const char *stop = memmem(text, all, "\n\n", 2);
        size_t size = stop ? (size_t)(stop - text) : all;
        eu_out_text(out, is_first ? "" : "\n");
        if (has_indented(text, size)) {
            eu_out_put(out, text, size);
            eu_out_char(out, '\n');
        } else if (size)
            eu_put_wrapped(out, text, size, columns, 0, 0);
        is_first = 0;
        text += size + (stop ? 2 : 0);
        all -= size + (stop ? 2 : 0);
    }
}

/* The blanks that all lines but the first begin with. */
static size_t margin_of(const char *text) {
    size_t margin = (size_t)-1;
    for (const char *line = strchr(text, '\n'); line; line = strchr(line, '\n')) {
        line++;
        size_t blank = strspn(line, " \t");
        if (line[blank] && line[blank] != '\n' && blank < margin)
            margin = blank;
    }
    return margin == (size_t)-1 ? 0 : margin;
}

void eu_put_doc(struct eu_out *out, const struct eu_package *package, const char *key) {
    struct eu_out line = {0};
    const char *text = eu_package_doc(package, key);
    while (isspace((unsigned char)*text))
        text++;
    size_t margin = margin_of(text), all = strlen(text), start = out->used;
    while (all && isspace((unsigned char)text[all - 1]))
        all--;
    for (int is_first = 1; all; is_first = 0) {
        size_t size = strcspn(text, "\n") < all ? strcspn(text, "\n") : all, blank = strspn(text, " \t"), skip = is_first ? 0 : margin;
        if (!is_first)
            eu_out_char(out, '\n');
        line.used = 0;
        if (blank < size || is_first) /* a line of blanks is an empty one */
            eu_out_put(&line, text + skip, size - skip);
        eu_put_clean(out, eu_out_end(&line));
        text += size + (size < all);
        all -= size + (size < all);
    }
    while (out->used > start && isspace((unsigned char)out->data[out->used - 1]))
        out->used--;
    eu_out_free(&line);
}
